import { type Data, DataType, Table } from "apache-arrow";
import { assert, present } from "../core/assert.ts";
import { halfTable } from "../core/float16.ts";
import type { SortKey } from "../domain/output-shape.ts";
import { bitAt } from "./bits.ts";
import { hasByteValues } from "./byte-types.ts";
import { gather, type Stretch } from "./gather.ts";
import { offsetsOf } from "./offsets.ts";
import { indexOfColumns, recordBatchOf } from "./record-batch.ts";
import { valueBytes } from "./value-bytes.ts";

/** A value as it is compared: null comes last. */
type Comparable = number | bigint | Uint8Array | null;

/** Of a record batch of sorted rows: what is copied together, far below where offsets end. */
const PIECE = { rows: 65_536, bytes: 32 << 20 };

/**
 * The rows of `table`, sorted; those that are equal stay in their order. Numbers by value, with NaN above all
 * and -0 equal to 0; text and bytes byte by byte, so text by code points. Nulls come last, also when the
 * order is descending. In memory of its own.
 *
 * @param table of plain columns, as a worker makes them
 */
export function sortTable(table: Table, sort: readonly SortKey[]): Table {
  if (sort.length === 0 || table.numRows < 2) return table;
  const compare = comparatorOf(table, sort);
  const order = Uint32Array.from({ length: table.numRows }, (_, row) => row).sort(compare);
  const rowBytes = Math.max(1, valueBytes(table) / table.numRows);
  const pieceRows = Math.max(1, Math.min(PIECE.rows, Math.floor(PIECE.bytes / rowBytes)));
  const runsOf = finder(table);
  const batches = [];
  for (let start = 0; start < order.length; start += pieceRows) {
    const rows = order.subarray(start, start + pieceRows);
    const runs = runsOf(rows);
    const columns = table.schema.fields.map(({ type }, index) =>
      gather(
        type,
        runs.map((run) => ({ ...run, data: run.data.children[index] ?? null })),
      ),
    );
    batches.push(recordBatchOf(table.schema, rows.length, columns));
  }
  return new Table(table.schema, batches);
}

type Run = Stretch & { readonly data: Data };

/** Where rows of the table lie: those that lie side by side as one. */
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

function comparatorOf(table: Table, sort: readonly SortKey[]): (a: number, b: number) => number {
  const keys = sort.map(({ column, order }) => {
    const index = indexOfColumns(table.schema).get(column);
    assert(index !== undefined, `a column ${column} to sort by`);
    const values = table.batches.flatMap(({ data }) => comparables(data.children[index]));
    return { values, sign: order === "descending" ? -1 : 1 };
  });
  return (a, b) => {
    for (const { values, sign } of keys) {
      const [left, right] = [values[a] ?? null, values[b] ?? null];
      if (left === null || right === null) {
        if (left === right) continue;
        return left === null ? 1 : -1;
      }
      const found = compareValues(left, right);
      if (found !== 0) return sign * found;
    }
    return a - b;
  };
}

function compareValues(left: NonNullable<Comparable>, right: NonNullable<Comparable>): number {
  if (left instanceof Uint8Array || right instanceof Uint8Array)
    return Buffer.compare(left as Uint8Array, right as Uint8Array);
  if (left < right) return -1;
  if (left > right) return 1;
  // Equal, or one of them is NaN.
  return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
}

function comparables(data: Data | undefined): Comparable[] {
  assert(data !== undefined, "a record batch has its columns");
  const valueAt = reader(data);
  return Array.from({ length: data.length }, (_, row) => (data.getValid(row) ? valueAt(row) : null));
}

function reader(data: Data): (row: number) => NonNullable<Comparable> {
  const { type, values, stride } = data;
  if (DataType.isBool(type)) return (row) => Number(bitAt({ bytes: values, offset: data.offset }, row));
  if (hasByteValues(type)) {
    const offsets = offsetsOf(data);
    return (row) => values.subarray(offsets[row], offsets[row + 1]);
  }
  if (DataType.isFixedSizeBinary(type)) return (row) => values.subarray(row * stride, (row + 1) * stride);
  if (DataType.isDecimal(type)) return (row) => decimalAt(values, row * stride, stride);
  if (DataType.isFloat(type) && values instanceof Uint16Array) return halfReader(values);
  assert(stride === 1, "a column to sort by has one value a row");
  return (row) => values[row];
}

/** Words of 32 bits, least significant first, in two's complement. */
function decimalAt(words: Uint32Array, start: number, count: number): bigint {
  let value = 0n;
  for (let at = count - 1; at >= 0; at -= 1) value = (value << 32n) | BigInt(words[start + at] ?? 0);
  return BigInt.asIntN(count * 32, value);
}

function halfReader(values: Uint16Array): (row: number) => number {
  const halves = halfTable();
  return (row) => halves[values[row] ?? 0] ?? 0;
}
