import type * as z from "zod";
import type { Zod } from "../core/zod.ts";
import type { FieldType } from "./dataset.ts";
import { fileInStruct, isFileStruct } from "./hugging-face.ts";
import type { Location } from "./location.ts";

/** Content of the cells in a column of files. */
export type FileCells =
  | { readonly kind: "bytes" }
  /** Locations, or structs of bytes and location. Relative paths start from the folder. */
  | { readonly kind: "locations"; readonly folder: Location };

/**
 * Builds the schema of cells, for the data of steps.
 *
 * @param folder schema of the folder. Declarations of extensions know no locations, and take any text
 */
export function fileCells(
  z: Zod,
  folder: z.ZodType<Location> = z.custom<Location>((value) => typeof value === "string"),
): z.ZodType<FileCells> {
  return z.union([
    z.object({ kind: z.literal("bytes") }),
    z.object({ kind: z.literal("locations"), folder }),
  ]);
}

/** Checks whether cells of a type are texts. */
export function isText(type: FieldType): boolean {
  return type.kind === "string" || (type.kind === "dictionary" && isText(type.values));
}

/** Checks whether cells of a type can hold the bytes of files, or their locations. */
export function holdsFiles(type: FieldType): boolean {
  if (type.kind === "dictionary") return holdsFiles(type.values);
  return type.kind === "binary" || type.kind === "string" || isFileStruct(type);
}

/** Returns the bytes in a cell of files, or the file's location. Null: the cell has neither. */
export function fileInCell(cell: unknown): Uint8Array | string | null {
  if (cell instanceof Uint8Array || typeof cell === "string") return cell;
  return typeof cell === "object" && cell !== null ? fileInStruct(cell) : null;
}
