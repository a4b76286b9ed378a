import { FolderValuesOfFolders } from "../../coordinator/plan/input/folder-values.ts";
import { partitionType, type SetTypes } from "../../coordinator/plan/input/partition-types.ts";
import type { PartitionValue } from "../../shared/domain/dataset.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { OutputFile, OutputManifest } from "../../shared/domain/manifest.ts";

/**
 * Returns the partition columns of an output's files, which the files themselves lack. Their types are those
 * of partition columns. The manifest gives the types, else the values do.
 */
export function partitionsOf(
  { files, columns }: Pick<OutputManifest, "files" | "columns">,
  output: Location,
): (file: OutputFile) => readonly PartitionValue[] {
  const skipped = output.split("/").length;
  const folders = new FolderValuesOfFolders();
  const valuesOf = ({ path }: OutputFile) => folders.file(below(output, path), skipped);
  const texts = new Map<string, string[]>();
  for (const { name, value } of files.flatMap(valuesOf)) {
    const known = texts.get(name) ?? [];
    texts.set(name, known);
    if (value !== null) known.push(value);
  }
  const set = folderTypes(columns ?? []);
  const types = new Map([...texts].map(([name, values]) => [name, partitionType(name, values, set)]));
  return (file) =>
    valuesOf(file).map(({ name, value }) => ({ name, value, type: types.get(name) ?? "string" }));
}

function folderTypes(columns: NonNullable<OutputManifest["columns"]>): SetTypes {
  return Object.fromEntries(columns.map(({ name, type }) => [name, folderType(type)]));
}

/** @param type type in the manifest, such as `uint8` or `date32` */
function folderType(type: string): string {
  if (/^u?int\d/.test(type)) return "int64";
  return type.startsWith("date") ? "date" : "string";
}
