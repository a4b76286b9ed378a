import { type Data, DataType, type Union, Vector } from "apache-arrow";
import { present } from "../core/assert.ts";
import { decodeUtf8 } from "../core/utf8.ts";
import { gather } from "./gather.ts";
import { offsetsOf } from "./offsets.ts";
import { plainType } from "./plain-type.ts";

type CellReader = (row: number) => unknown;

/**
 * Reads the values of a column as Arrow's vectors return them. Texts keep a leading U+FEFF, which Arrow's
 * decoder drops. Lists that hold texts become arrays, structs objects, and maps arrays of pairs.
 */
export function cellReader(column: Data | Vector): CellReader {
  if (!(column instanceof Vector)) return pieceReader(column);
  const pieces = column.data.map((piece) => ({ rows: piece.length, read: pieceReader(piece) }));
  return (row) => {
    let place = row;
    for (const { rows, read } of pieces) {
      if (place < rows) return read(place);
      place -= rows;
    }
    return null;
  };
}

/** Reads the texts of a column of any layout. Bytes that are not UTF-8 become U+FFFD. */
export function textReader(column: Data | Vector): (row: number) => string | null {
  const cellAt = cellReader(column);
  return (row) => {
    const cell = cellAt(row);
    return typeof cell === "string" ? cell : null;
  };
}

function pieceReader(data: Data): CellReader {
  if (!holdsTexts(data.type)) {
    const vector = new Vector([data]);
    return (row) => vector.get(row);
  }
  const isPlain = plainType(data.type) === data.type;
  const plain = isPlain ? data : gather(data.type, [{ data, start: 0, end: data.length }]);
  const valueAt = valueReader(plain);
  return (row) => (plain.getValid(row) ? valueAt(row) : null);
}

function holdsTexts(type: DataType): boolean {
  if (DataType.isDictionary(type)) return holdsTexts(type.dictionary);
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type)) return true;
  return (type.children ?? []).some((field) => holdsTexts(field.type));
}

/** Reads the values of plain data. Rows must not be null. */
function valueReader(data: Data): CellReader {
  const { type } = data;
  if (DataType.isStruct(type))
    return structReader(
      type.children.map(({ name }) => name),
      data,
    );
  if (DataType.isUnion(type)) return unionReader(type, data);
  if (DataType.isFixedSizeList(type)) {
    const { listSize } = type;
    return listReader(data, (row) => row * listSize);
  }
  const offsets = offsetsOf(data);
  if (data.children.length > 0) return listReader(data, (row) => offsets[row] ?? 0);
  const bytes: Uint8Array = data.values;
  return (row) => decodeUtf8(bytes.subarray(offsets[row], offsets[row + 1]));
}

function listReader({ type, children }: Data, startOf: (row: number) => number): CellReader {
  const child = present(children[0], "a list has a child");
  const itemAt = DataType.isMap(type) ? pairReader(child) : pieceReader(child);
  return (row) => {
    const start = startOf(row);
    return Array.from({ length: startOf(row + 1) - start }, (_, at) => itemAt(start + at));
  };
}

function pairReader({ children }: Data): CellReader {
  const readers = children.map(pieceReader);
  return (row) => readers.map((read) => read(row));
}

function structReader(names: readonly string[], { children }: Data): CellReader {
  const readers = children.map(pieceReader);
  return (row) => Object.fromEntries(names.map((name, at) => [name, readers[at]?.(row) ?? null]));
}

function unionReader(type: Union, { children, typeIds, valueOffsets }: Data): CellReader {
  const readers = children.map(pieceReader);
  const isDense = DataType.isDenseUnion(type);
  return (row) => {
    const child = type.typeIdToChildIndex[typeIds[row]];
    return readers[child ?? -1]?.(isDense ? valueOffsets[row] : row) ?? null;
  };
}

export function* cellsOf(column: Data): Generator<unknown, void> {
  const cellAt = cellReader(column);
  for (let row = 0; row < column.length; row += 1) yield cellAt(row);
}
