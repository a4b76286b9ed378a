/** When a value is not of its column's type. */
interface ValueFault {
  /** Index into the form's fields. */
  readonly column: number;
  /** SQL: a condition. */
  readonly when: string;
  /** SQL: the value as text. */
  readonly text: string;
}

/** SQL that makes rows of records, one of each, in order. */
export interface RecordSelect {
  /** A table expression. */
  readonly from: string;
  /** By column that is asked for: its value, null where it is a fault. */
  readonly values: readonly string[];
  /** By column that is asked for; null: any value will do. */
  readonly faults: readonly (ValueFault | null)[];
  /** SQL: the record as a whole is none of its format. Left out: never. */
  readonly isBroken?: string;
}

/** Enough to recognise a value. */
const SHOWN_CHARS = 60;

/**
 * The SELECT: columns `v0`, `v1`, ... as they were asked for; `fault`, 0 or the number of the first column
 * with a fault from 1, or -1 where the record is broken; `shown`, the beginning of its value.
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
