import type { Data, RecordBatch } from "apache-arrow";
import { freeBuffers } from "../core/free-buffers.ts";

/** Frees what a record batch lies in, but for dictionaries, which batches share. It is empty afterwards. */
export function freeBatch({ data }: RecordBatch): void {
  freeBuffers(buffersOf(data));
}

function* buffersOf(data: Data): Generator<ArrayBuffer, void, undefined> {
  for (const part of [data.valueOffsets, data.values, data.nullBitmap, data.typeIds, ...data.variadicBuffers])
    if (ArrayBuffer.isView(part) && part.buffer instanceof ArrayBuffer) yield part.buffer;
  for (const child of data.children) yield* buffersOf(child);
}
