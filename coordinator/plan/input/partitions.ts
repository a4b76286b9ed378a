import { ShardmillError } from "../../../shared/core/errors.ts";
import { memoized } from "../../../shared/core/memoized.ts";
import type { Field, PartitionValue } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { type Partitions, partitionField } from "../../../shared/domain/partition.ts";
import type { FoundFile, LocatedFile } from "./discover.ts";
import type { RuledFolders } from "./folder-ruling.ts";
import { partitionTypes, type SetTypes } from "./partition-types.ts";

type Requested = JobSpec["input"]["partitions"];

/** A file with the values of its folders. Empty if folders are no columns. */
export interface PartitionedPath extends FoundFile {
  readonly partitions: readonly PartitionValue[];
}

export interface FoundPartitions {
  readonly partitions: Partitions;
  readonly files: readonly PartitionedPath[];
}

/** Limit of examples in a message. */
const EXAMPLES = 3;

/**
 * Finds the folders `name=value` that are columns. Every file's path must have folders of the same names in
 * the same order. A column has one type for all files, see `partitionType`.
 *
 * @param requested setting of the job. Undefined: folders are columns if they can be.
 * @param set types by column, which may include columns of files
 * @param ruled excluded folders, whose values also count for the types
 * @throws {SPEC_INVALID} for `hive` when folders cannot be columns
 */
export function findPartitions(
  files: readonly LocatedFile[],
  requested: Requested,
  set: SetTypes = {},
  ruled: RuledFolders["folders"] = [],
): FoundPartitions {
  if (requested === "none") return withoutPartitions(files, null);
  const layouts = layoutsOf(files);
  const [{ names } = { names: [] }] = layouts;
  const why = layouts.length > 1 ? apartText(layouts) : twiceText(names);
  if (requested === undefined && names.length === 0 && why === null) return withoutPartitions(files, null);
  if (why !== null || names.length === 0) {
    const found = why ?? "no folder name=value is on the way to the files";
    if (requested === "hive") throw noPartitions(found);
    return withoutPartitions(files, found);
  }
  const ways = new Set([...files, ...ruled].map(({ folderValues }) => folderValues));
  const types = partitionTypes(names, [...ways], set);
  const fields = names.map((name, at) => partitionField({ name, type: types[at] ?? "string" }));
  // Files of one folder share its values.
  const typed = memoized((values: LocatedFile["folderValues"]): readonly PartitionValue[] =>
    values.map(({ name, value }, at) => ({ name, type: types[at] ?? "string", value })),
  );
  const valued = files.map((file) => partitionedPath(file, typed(file.folderValues)));
  return { partitions: { kind: "hive", fields }, files: valued };
}

/**
 * Drops the folder columns if a name of theirs is also a column of a file. Names are compared in any case, as
 * in SQL.
 *
 * @param fields fields of all files, at least once for each schema
 * @throws {SPEC_INVALID} for `hive`
 */
export function partitionColumns(
  found: FoundPartitions,
  fields: readonly Field[],
  requested: Requested,
): FoundPartitions {
  if (found.partitions.kind === "none") return found;
  const columns = new Map(fields.map(({ name }) => [name.toLowerCase(), name]));
  const taken = found.partitions.fields.flatMap(({ name }) => columns.get(name.toLowerCase()) ?? []);
  if (taken.length === 0) return found;
  const names = taken.slice(0, EXAMPLES).map((name) => `\`${name}\``);
  const why = `the files themselves have a column ${names.join(", ")}`;
  if (requested === "hive") throw noPartitions(why);
  return withoutPartitions(found.files, why);
}

/** @param why see `Partitions` */
export function withoutPartitions(files: readonly FoundFile[], why: string | null): FoundPartitions {
  return {
    partitions: { kind: "none", why },
    files: files.map((file) => partitionedPath(file, NO_VALUES)),
  };
}

const NO_VALUES: readonly PartitionValue[] = [];

/**
 * Copies only the facts of a found file, which are sent to other processes. A literal takes much less memory
 * than a spread, of which there may be a million.
 */
function partitionedPath(file: FoundFile, partitions: readonly PartitionValue[]): PartitionedPath {
  const { path, format, bytes, version, root, modified, text } = file;
  return { path, format, bytes, version, root, modified, text, partitions };
}

/** Folder names on the path to some files. */
interface FolderLayout {
  readonly names: readonly string[];
  /** Path of an example. */
  readonly path: string;
}

function layoutsOf(files: readonly LocatedFile[]): FolderLayout[] {
  const layouts = new Map<string, FolderLayout>();
  const seen = new Set<LocatedFile["folderValues"]>();
  for (const { path, folderValues } of files) {
    if (seen.has(folderValues)) continue;
    seen.add(folderValues);
    const names = folderValues.map(({ name }) => name);
    const key = JSON.stringify(names);
    if (!layouts.has(key)) layouts.set(key, { names, path });
  }
  return [...layouts.values()];
}

function apartText(layouts: readonly FolderLayout[]): string {
  const examples = layouts
    .slice(0, EXAMPLES)
    .map(({ names, path }) => `${names.length === 0 ? "none" : names.join(", ")} (${path})`);
  const more = layouts.length > EXAMPLES ? "; ..." : "";
  return `not all files lie in folders of the same names: ${examples.join("; ")}${more}`;
}

function twiceText(names: readonly string[]): string | null {
  const twice = names.find((name, at) =>
    names.slice(0, at).some((other) => other.toLowerCase() === name.toLowerCase()),
  );
  return twice === undefined ? null : `two folders on the way to a file are called \`${twice}\``;
}

function noPartitions(found: string): ShardmillError {
  return new ShardmillError("SPEC_INVALID", `input.partitions is hive, but ${found}`, {
    problems: [
      {
        where: "input.partitions",
        what: "folders cannot be columns",
        expected:
          "folders name=value on the way to every file, with the same names, and no column of such a name",
        found,
        hint: "name only files in such folders in input.path, or set input.partitions to none",
      },
    ],
  });
}
