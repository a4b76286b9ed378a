import { assert } from "../../shared/core/assert.ts";
import { canonicalJson, type Digest, sha256 } from "../../shared/core/digest.ts";
import { manifestConversion } from "../../shared/domain/conversion.ts";
import type { JobDigests } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import {
  OTHER_EXTENSION,
  OUTPUT_FOLDERS,
  type OutputFile,
  type OutputManifest,
} from "../../shared/domain/manifest.ts";
import type { PartialFile, PartialManifest } from "../../shared/domain/partial.ts";
import { manifestCounts, type RowCounts } from "../../shared/domain/row-counts.ts";
import { type RunFacts, storedFacts } from "../../shared/domain/run-facts.ts";
import { partName } from "../../shared/rows/plan-parts.ts";

/** Kinds of files of an output, in the order in which their folders are published. */
export const OUTPUT_KINDS = ["rows", "reduced", "errors"] as const satisfies readonly OutputFile["kind"][];

/** Published file that is an unchanged file of a partial. */
interface PlacedFile {
  readonly output: OutputFile;
  readonly partial: PartialManifest;
  readonly file: PartialFile;
}

/**
 * Assigns the files of the committed partials to parts, in plan order: the rows and the dead letters. Skips
 * files without rows. If no file has rows, keeps the first one, so that the output has a schema.
 *
 * @param extraErrorParts number of parts after the dead letters of the partials
 */
export function layOutParts(
  partials: readonly PartialManifest[],
  extraErrorParts: number,
): readonly PlacedFile[] {
  const rows = withoutEmpty(filesOfKind(partials, "rows"));
  const errorFiles = filesOfKind(partials, "errors");
  return [
    ...place("rows", rows, rows.length),
    ...place("errors", errorFiles, errorFiles.length + extraErrorParts),
  ];
}

/** Path of a part of `count` dead letters: `_errors/part-00007.pq`. */
export function deadLettersPath(index: number, count: number): string {
  return `${OUTPUT_FOLDERS.errors}/${partName(index, count, OTHER_EXTENSION)}`;
}

/** Path of the table of a reduction: `_reduced/totals.pq`. */
export function reducedPath(name: string): string {
  return `${OUTPUT_FOLDERS.reduced}/${name}.${OTHER_EXTENSION}`;
}

/** Path of a part of a reduction by key: `_reduced/visits/part-00007.pq`. */
export function reducedPartPath(name: string, index: number, count: number): string {
  return `${OUTPUT_FOLDERS.reduced}/${name}/${partName(index, count, OTHER_EXTENSION)}`;
}

/**
 * Checks whether a name in an output's folder may be that of a folder: `country=FR`, or the reduction
 * `visits`. A file has an extension, so the storage need not be asked.
 */
export function mayBeFolder(name: string): boolean {
  return name.includes("=") || !name.includes(".");
}

/** Digest of an output's files. An intent records it, and a second publication compares it. */
export function outputDigest(files: readonly OutputFile[]): Digest {
  return sha256(
    canonicalJson(files.map(({ path, kind, rows, bytes, sha256 }) => ({ path, kind, rows, bytes, sha256 }))),
  );
}

export interface ManifestFacts {
  readonly job: { readonly id: JobId; readonly name: string };
  readonly digests: JobDigests;
  readonly run: RunFacts;
  /** Sums over all partials. */
  readonly counts: Omit<RowCounts, "rowsIn" | "rowsDeadLettered">;
  /** Default: none. */
  readonly inputs?: OutputManifest["inputs"];
  /** Default: null. */
  readonly inputFiles?: OutputManifest["inputFiles"];
  /** Default: null. */
  readonly columns?: OutputManifest["columns"];
  /** Default: null. */
  readonly history?: OutputManifest["history"];
  /** Default: none. */
  readonly marker?: OutputManifest["marker"] | undefined;
  /** Names of files of extensions, by key. Default: none. */
  readonly sidecars?: Readonly<Record<string, string>>;
  /** Default: none, and the manifest has no spec. */
  readonly spec?: OutputManifest["spec"];
  readonly builds: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * Builds the manifest of `files`. Each row of the plan must be mapped, filtered or a dead letter. All other
 * rows of the input are pruned or skipped.
 */
export function buildManifest(facts: ManifestFacts, files: readonly OutputFile[]): OutputManifest {
  const sum = (kind: OutputFile["kind"]) =>
    files.filter((file) => file.kind === kind).reduce((rows, file) => rows + file.rows, 0);
  const deadLetters = sum("errors");
  const { run, counts } = facts;
  const { rowsTotal, rowsPruned, rowsSkipped } = run;
  const { rowsMapped, rowsFiltered, rowsOut } = counts;
  assert(
    rowsTotal === rowsMapped + rowsFiltered + deadLetters,
    `rows in ${rowsTotal} = mapped ${rowsMapped} + filtered ${rowsFiltered} + dead letters ${deadLetters}`,
  );
  const hasRows = files.some((file) => file.kind === "rows");
  assert(!hasRows || sum("rows") === rowsOut, `rows files hold ${sum("rows")} of ${rowsOut} rows`);
  return {
    formatVersion: 1,
    job: facts.job,
    digests: facts.digests,
    outputDigest: outputDigest(files),
    files,
    ...(facts.marker === undefined ? {} : { marker: facts.marker }),
    ...(facts.sidecars as object | undefined),
    ...(facts.spec === undefined ? {} : { spec: facts.spec }),
    inputs: facts.inputs ?? [],
    inputFiles: facts.inputFiles ?? null,
    columns: facts.columns ?? null,
    rows: {
      input: rowsPruned + rowsSkipped + rowsTotal,
      pruned: rowsPruned,
      skipped: rowsSkipped,
      ...manifestCounts((name) => counts[name]),
      deadLetters,
    },
    shards: run.shardsCommitted,
    ...storedFacts(run),
    ...manifestConversion(run.conversion),
    history: facts.history ?? null,
    builds: facts.builds,
    versions: facts.versions,
  };
}

type PartialEntry = Omit<PlacedFile, "output">;

function filesOfKind(partials: readonly PartialManifest[], kind: "rows" | "errors"): PartialEntry[] {
  return partials.flatMap((partial) =>
    partial.files.filter((file) => file.kind === kind).map((file) => ({ partial, file })),
  );
}

function withoutEmpty(entries: readonly PartialEntry[]): readonly PartialEntry[] {
  const full = entries.filter(({ file }) => file.rows > 0);
  return full.length > 0 ? full : entries.slice(0, 1);
}

function place(kind: "rows" | "errors", entries: readonly PartialEntry[], count: number): PlacedFile[] {
  return entries.map(({ partial, file }, index) => {
    const path =
      kind === "errors"
        ? deadLettersPath(index, count)
        : `${OUTPUT_FOLDERS.rows}/${partName(index, count, extensionOf(file.name))}`;
    const { rows, bytes, sha256 } = file;
    return { partial, file, output: { path, kind, rows, bytes, sha256 } };
  });
}

/** Returns the ending behind `rows.` or `errors.`: `csv.gz`. */
function extensionOf(name: string): string {
  return name.slice(name.indexOf(".") + 1);
}
