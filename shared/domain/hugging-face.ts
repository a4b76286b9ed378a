import { isGroup } from "../core/is-group.ts";
import type { FieldType } from "./dataset.ts";

/*
 * Conventions of the Python library `datasets` in Parquet and Arrow files.
 * Source: https://huggingface.co/docs/datasets, features/features.py, image.py and audio.py of version 5.2.
 */

/** Key of a file's metadata with the features of its columns, as JSON. */
const METADATA_KEY = "huggingface";

/** Checks whether a type is that of the features `Image` and `Audio`: a struct of a file's bytes and path. */
export function isFileStruct(type: FieldType): boolean {
  if (type.kind !== "struct" || type.fields.length !== 2) return false;
  const kindOf = (name: string) => type.fields.find((field) => field.name === name)?.type.kind;
  return kindOf("bytes") === "binary" && kindOf("path") === "string";
}

/** Returns the bytes or the path in a cell of such a struct. Null: it has neither. */
export function fileInStruct(cell: object): Uint8Array | string | null {
  const { bytes, path }: { readonly bytes?: unknown; readonly path?: unknown } = cell;
  if (bytes instanceof Uint8Array) return bytes;
  return typeof path === "string" ? path : null;
}

/** Names of classes in index order, by column. */
export type ClassNames = Readonly<Record<string, readonly string[]>>;

/**
 * Reads the names of classes from a file's metadata. Columns of the feature `ClassLabel` have them, and lists
 * of it. Metadata in another form has no names.
 */
export function classNamesOf(metadata: ReadonlyMap<string, string>): ClassNames {
  const features = featuresOf(metadata.get(METADATA_KEY));
  const named = Object.entries(features).flatMap(([column, feature]) => {
    const item = itemOf(feature);
    const names = isGroup(item) && item._type === "ClassLabel" ? item.names : null;
    return isNames(names) ? [[column, names] as const] : [];
  });
  return Object.fromEntries(named);
}

/** Returns the columns to whose classes all files give the same names. */
export function commonClassNames(files: readonly ClassNames[]): ClassNames {
  const [first = {}, ...others] = new Set(files);
  const isCommon = (column: string, names: readonly string[]) =>
    others.every((other) => other[column]?.join("\0") === names.join("\0"));
  return Object.fromEntries(Object.entries(first).filter(([column, names]) => isCommon(column, names)));
}

/** Features of lists. Versions before 4 wrote `Sequence`, or an array of the feature. */
const LISTS: readonly unknown[] = ["List", "LargeList", "Sequence"];

/** Returns the feature of a list's items, at any depth. Other features are returned unchanged. */
function itemOf(feature: unknown): unknown {
  if (Array.isArray(feature)) return feature.length === 1 ? itemOf(feature[0]) : feature;
  return isGroup(feature) && LISTS.includes(feature._type) ? itemOf(feature.feature) : feature;
}

function featuresOf(json: string | undefined): Readonly<Record<string, unknown>> {
  if (json === undefined) return {};
  try {
    const found: unknown = JSON.parse(json);
    const info = isGroup(found) ? found.info : null;
    return isGroup(info) && isGroup(info.features) ? info.features : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string");
}
