import { type RecordBatch, type Schema, Table } from "apache-arrow";
import { RecordBatch as BatchHeader, Message } from "apache-arrow/ipc/metadata/message";
import { VectorAssembler } from "apache-arrow/visitor/vectorassembler";
import type { PieceLimits } from "./cut-rows.ts";
import type { IpcMessage } from "./dataset-file.ts";
import { arrowBatches } from "./encode.ts";

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
 * Encodes rows as messages, each within the limits. Each body has memory of its own.
 *
 * @param batch rows without dictionaries, whose values would need messages of their own
 */
export function* batchMessages(
  batch: RecordBatch,
  limits: PieceLimits,
): Generator<IpcMessage, void, undefined> {
  for (const piece of arrowBatches(new Table(batch.schema, [batch]), limits)) yield batchMessage(piece);
}

function batchMessage(batch: RecordBatch): IpcMessage {
  const { byteLength, nodes, bufferRegions, buffers, variadicBufferCounts } = VectorAssembler.assemble(batch);
  const header = new BatchHeader(batch.numRows, nodes, bufferRegions, null, variadicBufferCounts);
  const body = new Uint8Array(byteLength);
  let at = 0;
  for (const { buffer, byteOffset, byteLength: bytes } of buffers) {
    body.set(new Uint8Array(buffer, byteOffset, bytes), at);
    at += padded(bytes);
  }
  return { header: Message.encode(Message.from(header, byteLength)), body };
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
