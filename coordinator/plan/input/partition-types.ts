import { type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { nameOfType } from "../../../shared/domain/column-type-names.ts";
import { PARTITION_TYPES, type PartitionType, type PartitionValue } from "../../../shared/domain/dataset.ts";
import type { Location } from "../../../shared/domain/location.ts";
import { dayOf, isInt64, isPartitionValue, type Partitions } from "../../../shared/domain/partition.ts";
import type { FolderValue } from "./folder-values.ts";

/** Types in `input.types`, by column name. */
export type SetTypes = Readonly<Record<string, string>>;

/** Returns the types that are set for columns of files, and not for folders. */
export function typesOfFiles(types: SetTypes, partitions: Partitions): SetTypes {
  if (partitions.kind === "none") return types;
  const folders = new Set(partitions.fields.map(({ name }) => name.toLowerCase()));
  return Object.fromEntries(Object.entries(types).filter(([name]) => !folders.has(name.toLowerCase())));
}

/**
 * Returns the type of a folder column: the set type if all values have it, else the narrowest that fits.
 * `values` excludes nulls, which every type has.
 */
export function partitionType(name: string, values: readonly string[], types: SetTypes): PartitionType {
  const set = setType(name, types);
  const asSet = PARTITION_TYPES.find((type) => type === set);
  if (asSet !== undefined && values.every((value) => isPartitionValue({ type: asSet, value }))) return asSet;
  if (values.length === 0) return "string";
  if (values.every(isInt64)) return "int64";
  return values.every((value) => dayOf(value) !== null) ? "date" : "string";
}

/**
 * Returns the types of several folder columns, from the values on paths to files. A path may be known only in
 * part.
 */
export function partitionTypes(
  names: readonly string[],
  ways: readonly (readonly FolderValue[])[],
  types: SetTypes,
): PartitionType[] {
  return names.map((name, at) =>
    partitionType(
      name,
      ways.flatMap((values) => values[at]?.value ?? []),
      types,
    ),
  );
}

/** Folders of a dataset as columns. */
interface TypedFolders {
  readonly partitions: Partitions;
  readonly files: readonly { readonly path: Location; readonly partitions: readonly PartitionValue[] }[];
}

/**
 * Refuses a set type that a folder column does not have.
 *
 * @throws {SPEC_INVALID} when no folder can have the type, or a value does not fit it
 */
export function refuseOtherTypes({ partitions, files }: TypedFolders, types: SetTypes): void {
  if (partitions.kind === "none") return;
  const problems = partitions.fields.flatMap(({ name, type }, at): Problem[] => {
    const set = setType(name, types);
    if (set === null || set === nameOfType(type)) return [];
    const where = `input.types.${name}`;
    const known = PARTITION_TYPES.find((each) => each === set);
    if (known === undefined) {
      const what = "a folder's value cannot be of this type";
      return [{ where, what, expected: PARTITION_TYPES.join(", "), found: set, hint: CAST_HINT }];
    }
    const odd = files.find((file) => {
      const value = file.partitions[at]?.value ?? null;
      return !isPartitionValue({ type: known, value });
    });
    const found = `\`${odd?.partitions[at]?.value}\` (${odd?.path})`;
    const what = "a folder's value is not of this type";
    return [{ where, what, expected: EXPECTED[known], found, hint: CAST_HINT }];
  });
  if (problems.length > 0)
    throw new ShardmillError("SPEC_INVALID", "input.types does not fit the folders", { problems });
}

const EXPECTED = {
  int64: "whole numbers of 64 bits, without leading zeros or a plus sign: not 007, not +7",
  date: "days like 2024-02-29",
  string: "texts",
} as const satisfies Record<PartitionType, string>;

const CAST_HINT = "remove the type, or set string, and cast the column in a step of map.prepare";

/** Returns the set type of a name, in any case, as SQL compares names. Null: none is set. */
function setType(name: string, types: SetTypes): string | null {
  const lower = name.toLowerCase();
  return Object.entries(types).find(([each]) => each.toLowerCase() === lower)?.[1] ?? null;
}
