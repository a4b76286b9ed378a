import type { FieldType } from "./dataset.ts";
import type { Location } from "./location.ts";

/** Content of the cells in a column of files: bytes or locations. */
export type FileCells =
  | { readonly kind: "bytes" }
  /** Relative paths start from the folder. */
  | { readonly kind: "locations"; readonly folder: Location };

/** Checks whether cells of a type are texts. */
export function isText(type: FieldType): boolean {
  return type.kind === "string" || (type.kind === "dictionary" && isText(type.values));
}

/** Checks whether cells of a type can hold the bytes of files, or their locations. */
export function holdsFiles(type: FieldType): boolean {
  if (type.kind === "dictionary") return holdsFiles(type.values);
  return type.kind === "binary" || type.kind === "string";
}
