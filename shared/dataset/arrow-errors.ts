import { messageOf, ShardmillError } from "../core/errors.ts";
import { type ArrowMessage, BigEndianFault } from "./arrow-metadata.ts";
import { inputCorrupt, inputUnsupported } from "./input-errors.ts";

/** Runs a decoding step; whatever it throws is about the file. */
export function arrowCorrupt<T>(path: string, where: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ShardmillError) throw error;
    if (error instanceof BigEndianFault) {
      throw inputUnsupported(path, error.message, "write it on, or for, a little-endian machine");
    }
    const expected = "what the Arrow IPC format allows";
    throw inputCorrupt({ path, where, expected, found: messageOf(error), cause: error });
  }
}

/** By CompressionType of Arrow's Message.fbs. */
const CODECS = ["lz4", "zstd"];

export function refuseCompressed(path: string, message: Exclude<ArrowMessage, { kind: "schema" }>): void {
  const header = message.kind === "batch" ? message.header : message.header.data;
  if (header.compression === null) return;
  const codec = CODECS[header.compression.type] ?? `codec ${header.compression.type}`;
  throw inputUnsupported(
    path,
    `Arrow buffers compressed with ${codec}`,
    'write it uncompressed (in pyarrow: compression="uncompressed"), or as Parquet',
  );
}
