import type { Digest } from "../core/digest.ts";
import type { JobDigests } from "./job.ts";
import type { JobId } from "./job-id.ts";
import type { ManifestCounts } from "./row-counts.ts";
import type { StoredFacts } from "./run-facts.ts";
import type { RunHistory } from "./run-history.ts";

/**
 * Content of `_manifest.json`. The output is valid if and only if this file exists. Its facts describe the
 * run that published, even if that run resumed another. The digest does not cover them.
 */
export interface OutputManifest extends StoredFacts {
  readonly formatVersion: 1;
  readonly job: { readonly id: JobId; readonly name: string };
  readonly digests: JobDigests;
  /** sha256 of `files`. The journal's publish intent records it, and a second publish compares it. */
  readonly outputDigest: Digest;
  readonly files: readonly OutputFile[];
  /** Empty file that is written after the manifest, if the job requests it. */
  readonly marker?: "_SUCCESS";
  /**
   * Job as it was read, if the job requests files of extensions beside the manifest. Their names are also in
   * the manifest, under keys that the compiler does not know.
   */
  readonly spec?: Readonly<Record<string, unknown>>;
  /** Input locations that the job file names: files, folders, patterns. */
  readonly inputs: readonly string[];
  /**
   * Files that a run with `input.new` read. Later runs skip them. Null: the job has no `input.new`, and the
   * digests identify its input.
   */
  readonly inputFiles: readonly ReadFile[] | null;
  /**
   * Columns of the rows, those of folders included. Later runs have the same ones. Null: no rows are
   * published.
   */
  readonly columns: readonly PublishedColumn[] | null;
  /**
   * Rows of the input, each in exactly one group. Pruned rows are excluded by `input.where` without reading
   * them. Skipped rows are excluded by `input.sample` or `input.limit` without reading them. Others are
   * filtered, dead letters, or in the output. Steps can make several output rows of one.
   */
  readonly rows: {
    readonly input: number;
    readonly pruned: number;
    readonly skipped: number;
    readonly deadLetters: number;
  } & ManifestCounts;
  readonly shards: number;
  /** History of the run. Null: another version of Shardmill kept it in another form. */
  readonly history: RunHistory | null;
  /** Versions of Shardmill that worked on the job, in order. The last one reduced and published. */
  readonly builds: readonly string[];
  /** Versions that the last run used: Shardmill, Node and libraries. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Input file as a run found it. */
export interface ReadFile {
  /** Location before links are resolved. */
  readonly path: string;
  /** Location after links are resolved. Undefined: the same as `path`. */
  readonly realPath?: string;
  readonly bytes: number;
  readonly version: string;
}

interface PublishedColumn {
  readonly name: string;
  /** Type as in messages: `int64`, `list<float32>`. */
  readonly type: string;
}

/** Folder of each kind of file. Table readers skip names that begin with `_`, so they read only the rows. */
export const OUTPUT_FOLDERS = {
  rows: "rows",
  reduced: "_reduced",
  errors: "_errors",
} as const satisfies Readonly<Record<OutputFile["kind"], string>>;

/** Ending of Parquet files that hold no rows. DuckDB and Polars search every folder for `*.parquet`. */
export const OTHER_EXTENSION = "pq";

export interface OutputFile {
  /** Path relative to the output folder, with `/`: `rows/part-00000.parquet`. */
  readonly path: string;
  readonly kind: "rows" | "reduced" | "errors";
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: Digest;
}

/** Returns the reduction of a file: of `_reduced/totals.pq`, or of `_reduced/visits/part-00000.pq`. */
export function reductionOf({ path }: Pick<OutputFile, "path">): string {
  const [name = "", part] = path.slice(OUTPUT_FOLDERS.reduced.length + 1).split("/");
  return part === undefined ? name.slice(0, name.lastIndexOf(".")) : name;
}

export const MANIFEST_NAME = "_manifest.json";
export const WORK_FOLDER = "_shardmill";
