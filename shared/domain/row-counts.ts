import { recordOf } from "../core/record-of.ts";

/** Facts about one count of rows. */
interface RowCount {
  /** Sum over the committed shards. Status shows the sum under the count's name. */
  readonly run?: RunCount;
  /** Texts for people. They appear where the count is not 0. */
  readonly shown?: ShownCount;
  /** Subset of the mapped rows, noted by a step. */
  readonly noted?: NotedCount;
}

interface RunCount {
  /** Key in the totals of the coordinator, and so in snapshots. */
  readonly total: string;
  /** Key in `rows` of the published manifest. */
  readonly manifest: string;
}

interface ShownCount {
  /** Adjective of the rows in progress, and label in the summary. */
  readonly word: string;
  readonly isWarning: boolean;
  /** Text of the summary for some rows: `3 rows`. */
  readonly summary: (rows: string) => string;
  /** Help text of the metric `shardmill_job_rows_..._total`. */
  readonly metric: string;
}

interface NotedCount {
  /** Label in the report, below the published rows. */
  readonly report: string;
  /** Part of a job without which the count is 0. */
  readonly needs: "hasSteps" | "hasMadeInputs";
  /** Message that refuses a partial whose job lacks that part. */
  readonly refusal: readonly [what: string, expected: string];
}

/**
 * Row counts of a shard, except `rowsOut` in input rows. Types, wire, journal, totals, status, manifest,
 * metrics, report and texts derive from this table.
 *
 * A new count is a row here, a field in `Partial` (work.proto), and a field in `JobStatus` (jobs.proto).
 * Append it: journals and snapshots keep this order. Then run `npm run descriptors` and `npm run docs`.
 */
export const ROW_COUNTS = {
  /** Rows of the shard: `rowsMapped + rowsFiltered + rowsDeadLettered`. */
  rowsIn: {},
  /** Input rows that are in the output, each as one row, or as several where a step makes several. */
  rowsMapped: {},
  /** Rows that a step of the job dropped. */
  rowsFiltered: {
    run: { total: "filteredRows", manifest: "filtered" },
    shown: {
      word: "filtered",
      isWarning: false,
      summary: (rows) => rows,
      metric: "Rows that were read, and that the job's steps dropped",
    },
  },
  /** Rows that could not be mapped: dead letters. */
  rowsDeadLettered: {},
  /** Output rows: at least one for each mapped row, and none for other rows. */
  rowsOut: { run: { total: "rowsOut", manifest: "output" } },
  /** Mapped rows with a truncated text. The model did not see all of it. */
  rowsTruncated: {
    run: { total: "truncatedRows", manifest: "truncated" },
    shown: {
      word: "truncated",
      isWarning: true,
      summary: (rows) =>
        `${rows}: a text of each has more tokens than maxTokens, and the rest of it was cut off. Raise maxTokens if the model takes more, or split the texts into passages with split`,
      metric: "Rows of which a text was cut off",
    },
    noted: {
      report: "of these with a text cut off",
      needs: "hasMadeInputs",
      refusal: ["truncated rows", "none: no input of the job is made of texts"],
    },
  },
  /** Mapped rows whose last window was filled up. A row has at most one such window. */
  rowsFilled: {
    run: { total: "filledRows", manifest: "filled" },
    shown: {
      word: "filled up",
      isWarning: false,
      summary: (rows) => `the last window of ${rows}`,
      metric: "Rows of which the last window was filled up",
    },
    noted: {
      report: "of these with the last window filled up",
      needs: "hasSteps",
      refusal: ["filled rows", "none: the job makes no windows"],
    },
  },
  /** Rows that a task of a reduction by key read. 0 for shards of input rows. */
  rowsReduced: {},
} as const satisfies Readonly<Record<`rows${string}`, RowCount>>;

type Table = typeof ROW_COUNTS;
/** Names of the counts that have such facts. */
type CountsWith<Facts extends keyof RowCount> = keyof {
  [Name in keyof Table as Table[Name] extends Pick<Required<RowCount>, Facts> ? Name : never]: Name;
};

/** Counts of one shard, as its partial has them. */
export type RowCounts = { readonly [Name in keyof Table]: number };
/** Counts of a run, as its status has them. */
export type RunCounts = { readonly [Name in CountsWith<"run">]: number };
/** Counts of a run, as the coordinator's state and snapshots have them. */
export type RunTotals = { [Name in CountsWith<"run"> as Table[Name]["run"]["total"]]: number };
/** Counts of a run, as the manifest has them below `rows`. */
export type ManifestCounts = {
  readonly [Name in CountsWith<"run"> as Table[Name]["run"]["manifest"]]: number;
};

/** All counts, in table order. */
export const ROW_COUNT_NAMES = Object.keys(ROW_COUNTS) as (keyof Table)[];
/** Counts that the run sums: status and manifest have them. */
export const RUN_COUNTS = countsWith("run");
export const RUN_TOTALS = RUN_COUNTS.map((name) => ROW_COUNTS[name].run.total);
export const SHOWN_COUNTS = countsWith("shown");
export const NOTED_COUNTS = countsWith("noted");

function countsWith<Facts extends keyof RowCount>(facts: Facts): readonly CountsWith<Facts>[] {
  return ROW_COUNT_NAMES.filter((name): name is CountsWith<Facts> => facts in ROW_COUNTS[name]);
}

/** Counts of a shard without rows. */
export const NO_ROWS = recordOf(ROW_COUNT_NAMES, () => 0);
/** Counts of a shard of which no step noted rows. */
export const NONE_NOTED = recordOf(NOTED_COUNTS, () => 0);

/** Returns the reason why `counts` do not add up for a shard of `expected` rows. Null: they do. */
export function rowCountsFault(counts: RowCounts, expected: number): string | null {
  const { rowsIn, rowsMapped, rowsFiltered, rowsDeadLettered, rowsOut } = counts;
  const isAccounted =
    ROW_COUNT_NAMES.every((name) => Number.isSafeInteger(counts[name]) && counts[name] >= 0) &&
    rowsIn === expected &&
    rowsMapped + rowsFiltered + rowsDeadLettered === expected &&
    NOTED_COUNTS.every((name) => counts[name] <= rowsMapped) &&
    (rowsMapped === 0 ? rowsOut === 0 : rowsOut >= rowsMapped);
  if (isAccounted) return null;
  const noted = NOTED_COUNTS.map((name) => `, ${counts[name]} ${ROW_COUNTS[name].shown.word}`).join("");
  return `${rowsMapped} rows mapped, ${rowsFiltered} filtered and ${rowsDeadLettered} dead of ${rowsIn}, ${rowsOut} rows out${noted}`;
}

/** Builds one value for each key that the manifest has for the counts of a run. */
export function manifestCounts<Value>(
  value: (name: keyof RunCounts) => Value,
): Record<keyof ManifestCounts, Value> {
  const entries = RUN_COUNTS.map((name) => [ROW_COUNTS[name].run.manifest, value(name)]);
  return Object.fromEntries(entries) as Record<keyof ManifestCounts, Value>;
}

/** Copies the counts, without other keys of the object. */
export function rowCountsOf(counts: RowCounts): RowCounts {
  return recordOf(ROW_COUNT_NAMES, (name) => counts[name]);
}
