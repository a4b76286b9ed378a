import type { Data, RecordBatch } from "apache-arrow";
import { freeBuffers } from "../core/free-buffers.ts";

/** Frees a record batch's memory, except dictionaries, which batches share. The batch is empty afterwards. */
export function freeBatch({ data }: RecordBatch): void {
  freeBuffers(buffersOf(data));
}

/** Returns the memory of a record batch, except dictionaries. */
export function batchBuffers({ data }: RecordBatch): ReadonlySet<ArrayBuffer> {
  return new Set(buffersOf(data));
}

function* buffersOf(data: Data): Generator<ArrayBuffer, void, undefined> {
  for (const part of [data.valueOffsets, data.values, data.nullBitmap, data.typeIds, ...data.variadicBuffers])
    if (ArrayBuffer.isView(part) && part.buffer instanceof ArrayBuffer) yield part.buffer;
  for (const child of data.children) yield* buffersOf(child);
}
