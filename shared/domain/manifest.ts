import type { JobDigests } from "./job.ts";

/** `_manifest.json`: the output is valid if and only if it is there. */
export interface OutputManifest {
  readonly formatVersion: 1;
  readonly job: { readonly id: string; readonly name: string };
  readonly digests: JobDigests;
  /** sha256 over `files`: what publishIntent records and what a second publish compares. */
  readonly outputDigest: string;
  readonly files: readonly OutputFile[];
  readonly rows: { readonly input: number; readonly output: number; readonly deadLetters: number };
  readonly shards: number;
  readonly attempts: number;
  readonly versions: Readonly<Record<string, string>>;
}

export interface OutputFile {
  /** Relative to the output folder, with `/`: `rows/part-00000.parquet`. */
  readonly path: string;
  readonly kind: "rows" | "reduced" | "errors";
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

export const MANIFEST_NAME = "_manifest.json";
export const WORK_FOLDER = "_shardmill";
