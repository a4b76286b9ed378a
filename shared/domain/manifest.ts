import type { Digest } from "../core/digest.ts";
import type { JobDigests } from "./job.ts";
import type { JobId } from "./job-id.ts";
import type { ManifestCounts } from "./row-counts.ts";
import type { KeptFacts } from "./run-facts.ts";
import type { RunHistory } from "./run-history.ts";

/**
 * `_manifest.json`: the output is valid if and only if it is there. The facts of the run are those of the run
 * that published it, also where that one resumed another; the digest does not cover them.
 */
export interface OutputManifest extends KeptFacts {
  readonly formatVersion: 1;
  readonly job: { readonly id: JobId; readonly name: string };
  readonly digests: JobDigests;
  /** sha256 over `files`: what publishIntent records and what a second publish compares. */
  readonly outputDigest: Digest;
  readonly files: readonly OutputFile[];
  /** An empty file beside the manifest that says the same, where one was asked for: placed after it. */
  readonly marker?: "_SUCCESS";
  /**
   * Job as it was read, where files of extensions beside the manifest were requested. Their names are here,
   * too, by keys that the compiler does not know.
   */
  readonly spec?: Readonly<Record<string, unknown>>;
  /** What the job file names as its input, as locations: files, folders, patterns. */
  readonly inputs: readonly string[];
  /**
   * Of a run of a job with `input.new`: what it read, which later runs leave out. Else null: the input is in
   * the digests.
   */
  readonly inputFiles: readonly ReadFile[] | null;
  /** Of its rows, those that became folders too; null where none are published. Later runs have the same. */
  readonly columns: readonly PublishedColumn[] | null;
  /**
   * Each row of the input is pruned (ruled out by `input.where`, unread), skipped (left out by `input.sample`
   * or `input.limit`, unread), filtered, a dead letter, or in the output: with one row,
   * or with several where a step makes several of one.
   */
  readonly rows: {
    readonly input: number;
    readonly pruned: number;
    readonly skipped: number;
    readonly deadLetters: number;
  } & ManifestCounts;
  readonly shards: number;
  /** Who did what when, and how fast; null where another version kept it in another form. */
  readonly history: RunHistory | null;
  /** The versions of Shardmill that worked on it, in order: the last one reduced and published. */
  readonly builds: readonly string[];
  /** Of the last run: Shardmill, Node and what it computes with. */
  readonly versions: Readonly<Record<string, string>>;
}

/** An input file as a run found it. */
export interface ReadFile {
  /** Its location: the name that led to it. */
  readonly path: string;
  /** Where links lead from there. Left out: nowhere else. */
  readonly realPath?: string;
  readonly bytes: number;
  readonly version: string;
}

interface PublishedColumn {
  readonly name: string;
  /** As messages show it: `int64`, `list<float32>`. */
  readonly type: string;
}

/**
 * Folder of each kind of file. Table readers skip names that begin with `_`: the folder above gives them the
 * rows alone.
 */
export const OUTPUT_FOLDERS = {
  rows: "rows",
  reduced: "_reduced",
  errors: "_errors",
} as const satisfies Readonly<Record<OutputFile["kind"], string>>;

/** Ending of Parquet files that hold no rows: DuckDB and Polars search every folder for `*.parquet`. */
export const ASIDE_EXTENSION = "pq";

export interface OutputFile {
  /** Relative to the output folder, with `/`: `rows/part-00000.parquet`. */
  readonly path: string;
  readonly kind: "rows" | "reduced" | "errors";
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: Digest;
}

export const MANIFEST_NAME = "_manifest.json";
export const WORK_FOLDER = "_shardmill";
