import {
  Data,
  type DataType,
  type Field,
  type RecordBatch,
  type Schema,
  Table,
  tableToIPC,
} from "apache-arrow";
import { assert, present } from "../core/assert.ts";
import { recordBatchOf, schemaOfStream } from "./record-batch.ts";

type Values = NodeJS.TypedArray;

/** Buffers of a column, unchanged, in the order of Arrow's `Data`: offsets, values, validity, type ids. */
interface PackedData {
  readonly offset: number;
  readonly length: number;
  /** Count of nulls. Negative: counted later from the validity bits. */
  readonly nullCount: number;
  readonly buffers: readonly (Values | undefined)[];
  readonly children: readonly PackedData[];
}

/**
 * Table as one thread transfers it to another: its buffers, without a copy. Columns must be plain, as
 * `gather` makes them: no dictionaries, no views.
 */
export interface PackedTable {
  /** Schema as an Arrow IPC stream without batches. */
  readonly schema: Uint8Array;
  readonly batches: readonly { readonly rows: number; readonly columns: readonly PackedData[] }[];
}

export function packTable({ schema, batches }: Table): PackedTable {
  return {
    schema: tableToIPC(new Table(schema), "stream"),
    batches: batches.map(({ numRows, data }) => ({ rows: numRows, columns: data.children.map(packData) })),
  };
}

export function unpackTable(packed: PackedTable): Table {
  const schema = schemaOfStream(packed.schema);
  return new Table(schema, unpackBatches(schema, packed));
}

/** Packs a record batch as a table of one batch. */
export function packBatch({ schema, numRows, data }: RecordBatch): PackedTable {
  return {
    schema: tableToIPC(new Table(schema), "stream"),
    batches: [{ rows: numRows, columns: data.children.map(packData) }],
  };
}

export function unpackBatch(packed: PackedTable): RecordBatch {
  const [batch] = unpackBatches(schemaOfStream(packed.schema), packed);
  return present(batch, "a packed record batch");
}

/**
 * Returns the transfer list of `tables`, whose memory then belongs to the receiver. Skips empty buffers:
 * libraries share them, and a buffer can be transferred only once.
 */
export function buffersOfTables(...tables: readonly (PackedTable | null)[]): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  const visit = ({ buffers, children }: PackedData): void => {
    for (const values of buffers) {
      if (values?.buffer instanceof ArrayBuffer && values.buffer.byteLength > 0) found.add(values.buffer);
    }
    for (const child of children) visit(child);
  };
  for (const table of tables)
    for (const { columns } of table?.batches ?? []) for (const column of columns) visit(column);
  return [...found];
}

function packData(data: Data): PackedData {
  assert(
    data.dictionary === undefined && data.variadicBuffers.length === 0,
    "a made table has plain columns",
  );
  const { offset, length, valueOffsets, values, nullBitmap, typeIds } = data;
  return {
    offset,
    length,
    // The receiver counts the nulls.
    nullCount: (nullBitmap?.length ?? 0) > 0 ? -1 : data.nullCount,
    buffers: [valueOffsets, values, nullBitmap, typeIds],
    children: data.children.map(packData),
  };
}

function unpackBatches(schema: Schema, { batches }: PackedTable): RecordBatch[] {
  return batches.map(({ rows, columns }) => {
    const children = schema.fields.map((field, index) =>
      unpackData(field, present(columns[index], "a column for each field")),
    );
    return recordBatchOf(schema, rows, children);
  });
}

function unpackData({ type }: Field, { offset, length, nullCount, buffers, children }: PackedData): Data {
  const fields: readonly Field[] = type.children ?? [];
  const inner = children.map((child, index) => unpackData(present(fields[index], "a child's field"), child));
  return new Data<DataType>(type, offset, length, nullCount, [...buffers] as never, inner);
}
