import { type Data, DataType, type RecordBatch, type Schema, Table } from "apache-arrow";
import { RecordBatch as BatchHeader, Message } from "apache-arrow/ipc/metadata/message";
import { VectorAssembler } from "apache-arrow/visitor/vectorassembler";
import { cutTable, type PieceLimits } from "./cut-rows.ts";
import type { IpcMessage } from "./dataset-file.ts";
import { arrowBatches } from "./encode.ts";
import { recordBatchOf } from "./record-batch.ts";

/** Alignment of buffers and metadata. */
const ALIGNMENT = 8;
/** Bytes before the metadata: four bytes of ones, then the length. */
const PREFIX_BYTES = 8;

export function schemaMessage(schema: Schema): Uint8Array {
  return Message.encode(Message.from(schema));
}

/** Frames metadata as in a stream or a file: with its length in front, padded. */
export function withLength(header: Uint8Array): Uint8Array {
  const framed = new Uint8Array(PREFIX_BYTES + padded(header.length));
  const view = new DataView(framed.buffer);
  view.setUint32(0, 0xffffffff, true);
  view.setInt32(4, framed.length - PREFIX_BYTES, true);
  framed.set(header, PREFIX_BYTES);
  return framed;
}

/**
 * Encodes rows as messages, each within the limits. Columns without bits, which are most, are not copied: the
 * bodies are then views of the batch.
 *
 * @param batch rows without dictionaries, whose values would need messages of their own
 */
export function* batchMessages(
  batch: RecordBatch,
  limits: PieceLimits,
): Generator<IpcMessage, void, undefined> {
  for (const { start, end } of cutTable(new Table(batch.schema, [batch]), limits))
    yield batchMessage(rowsOf(batch, start, end));
}

function rowsOf({ schema, data }: RecordBatch, start: number, end: number): RecordBatch {
  const children = data.children.map((column, index) => {
    const piece = column.slice(start, end - start);
    return isBitless(column) ? piece : copyOf(schema.selectAt([index]), piece);
  });
  return recordBatchOf(schema, end - start, children);
}

/** Returns true for a column without bitmaps, at any depth. A slice of it has only its own bytes. */
function isBitless({ type, nullCount, children }: Data): boolean {
  if (DataType.isBool(type) || DataType.isNull(type) || DataType.isUnion(type)) return false;
  return nullCount === 0 && children.every(isBitless);
}

/** Copies the only column of a schema, so that its bitmaps begin and end with it. */
function copyOf(schema: Schema, column: Data): Data {
  const whole = new Table(schema, [recordBatchOf(schema, column.length, [column])]);
  const [copy] = arrowBatches(whole, { rows: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY });
  return copy?.data.children[0] ?? column;
}

function batchMessage(batch: RecordBatch): IpcMessage {
  const { byteLength, nodes, bufferRegions, buffers, variadicBufferCounts } = VectorAssembler.assemble(batch);
  const header = new BatchHeader(batch.numRows, nodes, bufferRegions, null, variadicBufferCounts);
  const body = buffers.flatMap(({ buffer, byteOffset, byteLength: bytes }) => [
    new Uint8Array(buffer, byteOffset, bytes),
    new Uint8Array(padded(bytes) - bytes),
  ]);
  return { header: Message.encode(Message.from(header, byteLength)), body };
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
