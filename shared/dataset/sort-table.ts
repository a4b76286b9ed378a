import { type Data, DataType, type RecordBatch, Table } from "apache-arrow";
import { assert, present } from "../core/assert.ts";
import { halfTable } from "../core/float16.ts";
import type { SortKey } from "../domain/rows-form.ts";
import { bitAt } from "./bits.ts";
import { hasByteValues } from "./byte-types.ts";
import { gather, type Stretch } from "./gather.ts";
import { offsetsOf } from "./offsets.ts";
import { indexOfColumns, recordBatchOf } from "./record-batch.ts";
import { valueBytes } from "./value-bytes.ts";

/** Value as it is compared. Null sorts last. */
type Comparable = number | bigint | Uint8Array | null;

/** Limits of a record batch of sorted rows, which is copied at once. Far below the limit of offsets. */
const PIECE = { rows: 65_536, bytes: 32 << 20 };

/**
 * Sorts the rows of `table` stably, into memory of its own. Numbers sort by value, with NaN last and -0 equal
 * to 0. Text and bytes sort byte by byte, so text by code points. Nulls sort last, also in descending order.
 *
 * @param table table of plain columns, as a worker makes them
 */
export function sortTable(table: Table, sort: readonly SortKey[]): Table {
  if (sort.length === 0 || table.numRows < 2) return table;
  const compare = rowOrder(table, sort);
  const order = Uint32Array.from({ length: table.numRows }, (_, row) => row).sort(
    (a, b) => compare(a, b) || a - b,
  );
  return takeRows(table, order);
}

/** Copies rows in the given order, into memory of their own. */
export function takeRows(table: Table, order: Uint32Array): Table {
  const rowBytes = Math.max(1, valueBytes(table) / table.numRows);
  const pieceRows = Math.max(1, Math.min(PIECE.rows, Math.floor(PIECE.bytes / rowBytes)));
  const pick = rowPicker(table);
  const batches = [];
  for (let start = 0; start < order.length; start += pieceRows)
    batches.push(pick(order.subarray(start, start + pieceRows)));
  return new Table(table.schema, batches);
}

/** Returns a function that copies rows, in the given order. */
export function rowPicker(table: Table): (rows: Uint32Array) => RecordBatch {
  const { schema } = table;
  const runsOf = finder(table);
  return (rows) => {
    const runs = runsOf(rows);
    const columns = schema.fields.map(({ type }, index) =>
      gather(
        type,
        runs.map((run) => ({ ...run, data: run.data.children[index] ?? null })),
      ),
    );
    return recordBatchOf(schema, rows.length, columns);
  };
}

type Run = Stretch & { readonly data: Data };

/** Finds the places of rows. Neighbouring rows become one run. */
function finder({ batches, numRows }: Table): (rows: Uint32Array) => Run[] {
  const batchOf = new Uint32Array(numRows);
  const starts: number[] = [];
  let first = 0;
  for (const [index, { data }] of batches.entries()) {
    starts.push(first);
    batchOf.fill(index, first, first + data.length);
    first += data.length;
  }
  return (rows) => {
    const runs: Run[] = [];
    for (let at = 0; at < rows.length; ) {
      const row = rows[at] ?? 0;
      const batch = batchOf[row] ?? 0;
      let length = 1;
      while (rows[at + length] === row + length && batchOf[row + length] === batch) length += 1;
      const start = row - (starts[batch] ?? 0);
      runs.push({ data: present(batches[batch], "a row's batch").data, start, end: start + length });
      at += length;
    }
    return runs;
  };
}

/** Compares two rows: negative when `a` sorts first, 0 when both have equal keys. */
export type CompareRows = (a: number, b: number) => number;

interface SortColumn {
  readonly isNull: (row: number) => boolean;
  /** Compares values that are not null. */
  readonly compare: CompareRows;
  readonly sign: 1 | -1;
}

/** Returns the comparison of a table's rows, as {@link sortTable} orders them. */
export function rowOrder(table: Table, sort: readonly SortKey[]): CompareRows {
  const columns = sort.map(({ column, order }): SortColumn => {
    const index = indexOfColumns(table.schema).get(column);
    assert(index !== undefined, `a column ${column} to sort by`);
    const chunks = table.batches.map(({ data }) => present(data.children[index], "a batch has its columns"));
    return { ...sortColumn(chunks), sign: order === "descending" ? -1 : 1 };
  });
  return (a, b) => {
    for (const { isNull, compare, sign } of columns) {
      const [left, right] = [isNull(a), isNull(b)];
      if (left || right) {
        if (left && right) continue;
        return left ? 1 : -1;
      }
      const found = compare(a, b);
      if (found !== 0) return sign * found;
    }
    return 0;
  };
}

function sortColumn(chunks: readonly Data[]): Omit<SortColumn, "sign"> {
  const [first] = chunks;
  if (first !== undefined && hasByteValues(first.type)) return bytesColumn(chunks);
  const values = chunks.flatMap(comparables);
  return {
    isNull: (row) => values[row] === null,
    compare: (a, b) => compareValues(values[a] ?? null, values[b] ?? null),
  };
}

/**
 * Compares texts and bytes in place. A view of each value would take some 190 bytes a row. A value's place
 * takes eight, and only for a column of several pieces.
 */
function bytesColumn(chunks: readonly Data[]): Omit<SortColumn, "sign"> {
  const rows = chunks.reduce((sum, { length }) => sum + length, 0);
  const chunkOf = new Uint32Array(chunks.length > 1 ? rows : 0);
  const rowOf = new Uint32Array(chunks.length > 1 ? rows : 0);
  let first = 0;
  for (const [index, { length }] of chunks.entries()) {
    if (chunks.length === 1) break;
    chunkOf.fill(index, first, first + length);
    for (let row = 0; row < length; row += 1) rowOf[first + row] = row;
    first += length;
  }
  const at = chunks.map((data) => ({ data, offsets: offsetsOf(data), bytes: bufferOf(data) }));
  const chunk = (row: number) => present(at[chunkOf[row] ?? 0], "a row's piece of its column");
  const own = (row: number) => rowOf[row] ?? row;
  return {
    isNull: (row) => !chunk(row).data.getValid(own(row)),
    compare: (a, b) => {
      const [left, right, leftRow, rightRow] = [chunk(a), chunk(b), own(a), own(b)];
      return left.bytes.compare(
        right.bytes,
        Number(right.offsets[rightRow]),
        Number(right.offsets[rightRow + 1]),
        Number(left.offsets[leftRow]),
        Number(left.offsets[leftRow + 1]),
      );
    },
  };
}

function bufferOf({ values }: Data): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function compareValues(left: Comparable, right: Comparable): number {
  assert(left !== null && right !== null, "nulls are compared before");
  if (left instanceof Uint8Array || right instanceof Uint8Array)
    return Buffer.compare(left as Uint8Array, right as Uint8Array);
  if (left < right) return -1;
  if (left > right) return 1;
  // Equal, or one of them is NaN.
  return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
}

function comparables(data: Data): Comparable[] {
  const valueAt = reader(data);
  return Array.from({ length: data.length }, (_, row) => (data.getValid(row) ? valueAt(row) : null));
}

function reader(data: Data): (row: number) => NonNullable<Comparable> {
  const { type, values, stride } = data;
  if (DataType.isBool(type)) return (row) => Number(bitAt({ bytes: values, offset: data.offset }, row));
  if (DataType.isFixedSizeBinary(type)) return (row) => values.subarray(row * stride, (row + 1) * stride);
  if (DataType.isDecimal(type)) return (row) => decimalAt(values, row * stride, stride);
  if (DataType.isFloat(type) && values instanceof Uint16Array) return halfReader(values);
  assert(stride === 1, "a column to sort by has one value a row");
  return (row) => values[row];
}

/** Reads words of 32 bits, least significant first, in two's complement. */
function decimalAt(words: Uint32Array, start: number, count: number): bigint {
  let value = 0n;
  for (let at = count - 1; at >= 0; at -= 1) value = (value << 32n) | BigInt(words[start + at] ?? 0);
  return BigInt.asIntN(count * 32, value);
}

function halfReader(values: Uint16Array): (row: number) => number {
  const halves = halfTable();
  return (row) => halves[values[row] ?? 0] ?? 0;
}
