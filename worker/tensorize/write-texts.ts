import { bitAt } from "../../shared/dataset/bits.ts";
import type { TextBinding } from "../../shared/domain/map-binding.ts";
import type { TextsWriter } from "../../shared/domain/texts.ts";
import { valuesPerCell } from "./bad-rows.ts";
import { type Cells, cellStart } from "./cells.ts";
import { writeSame } from "./fill-same.ts";
import type { InputColumns } from "./tensorize.ts";

/** Writes valid rows `[from, to)` of a text input: `rowValues` texts a row. */
export function writeTexts(
  { binding, source, columns }: InputColumns<TextBinding>,
  from: number,
  to: number,
  texts: TextsWriter,
): void {
  if (source.rows === "same") {
    writeSame(binding, to - from, texts);
    return;
  }
  const fill = new TextEncoder().encode(binding.fill ?? "");
  const cellValues = valuesPerCell(binding);
  for (let row = from; row < to; row += 1) {
    for (const { cells } of columns) writeCell(cells, row, { fill, cellValues }, texts);
  }
}

function writeCell(
  cells: Cells,
  row: number,
  { fill, cellValues }: { readonly fill: Uint8Array; readonly cellValues: number },
  texts: TextsWriter,
): void {
  const { leaf, nulls, leafNulls } = cells;
  if (leaf.kind !== "text") throw new Error("broken invariant: a column of texts holds texts");
  if (nulls !== null && !bitAt(nulls, row)) {
    for (let value = 0; value < cellValues; value += 1) texts.append(fill);
    return;
  }
  const end = cellStart(cells, row + 1);
  for (let index = cellStart(cells, row); index < end; index += 1) {
    if (leafNulls !== null && !bitAt(leafNulls, index)) texts.append(fill);
    else texts.append(leaf.bytes, leaf.offsets[index], leaf.offsets[index + 1]);
  }
}
