import { open } from "node:fs/promises";
import { ProtobufFault, ProtobufStream } from "./protobuf-stream.ts";

/** Field numbers of onnx.proto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
const METADATA = 14;
const [KEY, VALUE] = [1, 2];

/** Limit of a text: the stream's window. Lists of 20,000 characters have 80 kB. */
const TEXT_BYTES = 256 << 10;
/** Limit of all texts, which travel between processes. */
const ALL_BYTES = 1 << 20;

/**
 * Reads the metadata of a model: texts by key, which exporters add. Skips everything else, in constant
 * memory. Skips texts beyond the limits. A file that is no ONNX file has none: the runtime decides about it.
 */
export async function readMetadata(path: string): Promise<Readonly<Record<string, string>>> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    return await metadataIn(new ProtobufStream(file, size), size);
  } catch (error) {
    if (error instanceof ProtobufFault) return {};
    throw error;
  } finally {
    await file.close();
  }
}

async function metadataIn(stream: ProtobufStream, size: number): Promise<Record<string, string>> {
  const found = new Map<string, string>();
  let total = 0;
  while (stream.position < size) {
    const { field, bytes } = await stream.next(size);
    if (field !== METADATA || bytes === null) {
      stream.skip(bytes ?? 0);
      continue;
    }
    total += bytes;
    const entry = await entryIn(stream, stream.position + bytes);
    if (entry.key !== null && entry.value !== null && total <= ALL_BYTES) found.set(entry.key, entry.value);
  }
  return Object.fromEntries(found);
}

interface Entry {
  key: string | null;
  value: string | null;
}

async function entryIn(stream: ProtobufStream, end: number): Promise<Entry> {
  const entry: Entry = { key: null, value: null };
  while (stream.position < end) {
    const { field, bytes } = await stream.next(end);
    const isText = bytes !== null && bytes <= TEXT_BYTES;
    if (isText && field === KEY) entry.key = await stream.text(bytes, bytes);
    else if (isText && field === VALUE) entry.value = await stream.text(bytes, bytes);
    else stream.skip(bytes ?? 0);
  }
  return entry;
}
