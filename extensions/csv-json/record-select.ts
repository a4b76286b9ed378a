/** SQL that detects a value of the wrong type. */
interface ValueFault {
  /** Index into the form's fields. */
  readonly column: number;
  /** SQL condition of the fault. */
  readonly when: string;
  /** SQL of the value as text. */
  readonly text: string;
}

/** SQL that makes one row per record, in order. */
export interface RecordSelect {
  /** SQL table expression. */
  readonly from: string;
  /** SQL value of each requested column. SQL null: a fault. */
  readonly values: readonly string[];
  /** Fault of each requested column. Null: any value is valid. */
  readonly faults: readonly (ValueFault | null)[];
  /** SQL condition: the record as a whole is malformed. Default: never. */
  readonly isBroken?: string;
}

/** Length of a shown value, enough to recognise it. */
const SHOWN_CHARS = 60;

/**
 * Builds the SELECT. Columns `v0`, `v1`, ... are the requested ones. `fault` is 0, the number of the first
 * faulty column from 1, or -1 for a broken record. `shown` is the beginning of the faulty value.
 */
export function selectText({ from, values, faults, isBroken }: RecordSelect): string {
  const columns = values.map((value, index) => `${value} AS v${index}`);
  const found = faults.flatMap((fault) => (fault === null ? [] : [fault]));
  const broken = isBroken === undefined ? [] : [`WHEN ${isBroken} THEN -1`];
  const whens = [...broken, ...found.map(({ column, when }) => `WHEN ${when} THEN ${column + 1}`)];
  const texts = found.map(({ when, text }) => `WHEN ${when} THEN left(${text}, ${SHOWN_CHARS})`);
  const fault = whens.length === 0 ? "0" : `CASE ${whens.join(" ")} ELSE 0 END`;
  const shown = texts.length === 0 ? "NULL" : `CASE ${texts.join(" ")} END`;
  return `SELECT ${[...columns, `CAST(${fault} AS INTEGER) AS fault`, `CAST(${shown} AS VARCHAR) AS shown`].join(", ")} FROM ${from}`;
}
