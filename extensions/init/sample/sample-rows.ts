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

/** Reply of the sampling process. */
export type SampleAnswer =
  | { readonly kind: "looked"; readonly findings: SampleFindings }
  | { readonly kind: "failed"; readonly why: string };

/**
 * First rows whose files are inspected: enough to detect a column's content. More would read row groups of
 * megabytes each.
 */
const FILE_ROWS = 8;

/** Rows from the whole input whose texts and nulls are inspected: enough to detect rare ones. */
const TEXT_ROWS = 256;

/** Limit of file columns. Columns of wider tables have descriptive names. */
const MOST_COLUMNS = 32;

/** Limit of numeric columns. Feature tables have many, with small cells. */
const MOST_NUMBERS = 256;

/**
 * Limits of the sampling process. A draft without facts from rows is better than no draft, or than a long
 * wait. Memory holds a row group of large files, and one decoded file.
 */
const LIMITS = { limitMs: 30_000, memoryLimitBytes: 3 * 2 ** 30 };

/** Returns a sample without facts. The draft then uses types and names. */
function blind(failure: string): DataSample {
  return { ...NO_SAMPLE, failure };
}

interface SampleOptions {
  /** Columns that may hold or name files. */
  readonly fileColumns: readonly string[];
  /** Numeric columns that may have nulls. */
  readonly numberColumns: readonly string[];
  /** Columns to measure for inputs that steps make, with the files to measure by. */
  readonly measured: readonly {
    readonly key: string;
    readonly columns: readonly string[];
    readonly file: Location;
  }[];
  /** Folder of the job file, which relative paths start from. */
  readonly jobFolder: Location;
  /** Store settings with the full addresses of the input's files. */
  readonly stores: JobStores;
  readonly signal: AbortSignal;
}

/**
 * Inspects some rows of the input in a process that may be killed, because the rows are untrusted. Failures
 * are reported in the result and never thrown.
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
