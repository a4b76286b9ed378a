import { cellSize } from "../../shared/dataset/columns.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { isIdName } from "./id-column.ts";

/** Returns true for a column of bytes, or of numbers that may be bytes. */
export function holdsBytes({ type }: Field): boolean {
  if (type.kind === "binary" || type.kind === "fixedBinary") return true;
  if (type.kind === "list" || type.kind === "fixedList")
    return holdsBytes({ name: "", type: type.item, nullable: true });
  return type.kind === "numeric" && type.type === "uint8";
}

export function isScalar({ type }: Field): boolean {
  return type.kind === "numeric";
}

/** Ranks a column's type by how much it says of the size: a fixed size, a list, or nothing. */
export function sureness({ name, type }: Field): number {
  const cell = cellSize(type);
  if (cell === null || isIdName(name)) return 0;
  return { values: 3, bytes: 3, perRow: 2, bytesPerRow: 1 }[cell.kind];
}
