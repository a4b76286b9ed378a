import { compiledUrl } from "../../../shared/core/package-root.ts";
import type { Dataset } from "../../../shared/domain/dataset.ts";
import { plannedRows } from "../../../shared/domain/dataset-rows.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import { leaseSlices } from "../../../shared/domain/lease-slices.ts";
import { folderOf, type Location } from "../../../shared/domain/location.ts";
import { sampleSlices } from "../../../shared/domain/sample-slices.ts";
import { runIsolated, whyNoAnswer } from "../../../shared/onnx/isolated.ts";
import { type DataSample, NO_SAMPLE } from "./data-sample.ts";
import type { SampleFindings, SampleQuestion } from "./look-at-rows.ts";

/** Sent back by the process that looks. */
export type SampleAnswer =
  | { readonly kind: "looked"; readonly findings: SampleFindings }
  | { readonly kind: "failed"; readonly why: string };

/**
 * Rows whose files are looked at, from the front: enough to see what a column holds. More would read row
 * groups of megabytes each, for nothing.
 */
const FILE_ROWS = 8;

/** Rows whose texts and nulls are seen, from all over the input: enough to see whether they are rare. */
const TEXT_ROWS = 256;

/** Wider tables have columns that say what they are. */
const MOST_COLUMNS = 32;

/** Tables of features have far more columns of numbers, and their cells are small. */
const MOST_NUMBERS = 256;

/**
 * A draft without what is in the rows is better than none, and than a long wait. In memory is a row group of
 * large files, and one of them decoded.
 */
const LIMITS = { limitMs: 30_000, memoryLimitBytes: 3 * 2 ** 30 };

/** What is told where nothing more can be known: the draft then goes by types and names. */
function blind(failure: string): DataSample {
  return { ...NO_SAMPLE, failure };
}

interface SampleOptions {
  /** Of the columns, those that may hold files or name them. */
  readonly fileColumns: readonly string[];
  /** Those of numbers that may have nulls. */
  readonly numberColumns: readonly string[];
  /** Columns whose cells are measured for inputs that steps make, and the files by which. */
  readonly measured: readonly {
    readonly key: string;
    readonly columns: readonly string[];
    readonly file: Location;
  }[];
  /** Where the job file will be: its relative paths start there. */
  readonly jobFolder: Location;
  /** With the full addresses of the input's files. */
  readonly stores: JobStores;
  readonly signal: AbortSignal;
}

/**
 * Looks at some rows of the input, in a process that may be ended: what is in them comes from strangers. What
 * goes wrong there is told, and no error.
 */
export async function sampleRows(
  dataset: Dataset,
  { fileColumns, numberColumns, measured, jobFolder, stores, signal }: SampleOptions,
): Promise<DataSample> {
  const planned = { dataset, pruned: [], skipped: [] };
  const rows = plannedRows(planned);
  const columns = [fileColumns, numberColumns, ...measured.map((each) => each.columns)].flat();
  if (rows.total === 0 || columns.length === 0) return NO_SAMPLE;
  const front = { rowStart: 0, rowEnd: Math.min(rows.total, FILE_ROWS) };
  const slices = leaseSlices(dataset.files, rows, front);
  const dataFolders = slices.map(({ file }) => folderOf(file.path));
  const spread = sampleSlices(planned, TEXT_ROWS);
  const question: SampleQuestion = {
    stores,
    files: { slices, columns: fileColumns.slice(0, MOST_COLUMNS) },
    numbers: { slices: spread, columns: numberColumns.slice(0, MOST_NUMBERS) },
    folders: [...new Set([jobFolder, ...dataFolders])],
    measured: measured.map(({ columns, ...each }) => {
      return { ...each, slices: spread, columns: columns.slice(0, MOST_COLUMNS) };
    }),
  };
  const result = await runIsolated({
    script: compiledUrl("extensions/init/sample/sample-process.ts"),
    argument: question,
    ...LIMITS,
    signal,
  });
  if (result.kind !== "answered") return blind(whyNoAnswer(result, LIMITS));
  const answer = result.value as SampleAnswer;
  if (answer.kind === "failed") return blind(answer.why);
  const { files, nulls, measured: found } = answer.findings;
  return { files: new Map(files), nulls, measured: found, failure: null };
}
