import { cellSize } from "../../shared/dataset/columns.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { isIdName } from "./id-column.ts";

/** Bytes, or numbers that were such. */
export function holdsBytes({ type }: Field): boolean {
  if (type.kind === "binary" || type.kind === "fixedBinary") return true;
  if (type.kind === "list" || type.kind === "fixedList")
    return holdsBytes({ name: "", type: type.item, nullable: true });
  return type.kind === "numeric" && type.type === "uint8";
}

export function isScalar({ type }: Field): boolean {
  return type.kind === "numeric";
}

/** How much a column's type says of its size: all, that it is a list, or nothing. */
export function sureness({ name, type }: Field): number {
  const cell = cellSize(type);
  if (cell === null || isIdName(name)) return 0;
  return { values: 3, bytes: 3, perRow: 2, bytesPerRow: 1 }[cell.kind];
}
