import { DATASET_FORMATS, type InputFile } from "../domain/dataset.ts";
import type { LeaseSlice } from "../domain/job.ts";
import { type Shard, type ShardId, shardId } from "../domain/shard.ts";
import type { Token } from "../domain/token.ts";
import { type Codec, uint32, type WireReader } from "./wire-message.ts";

export const tokenCodec: Codec<Token> = {
  encode: ({ generation, sequence }) => ({ generation: uint32(generation), sequence: uint32(sequence) }),
  decode: (message) => ({ generation: message.count("generation"), sequence: message.count("sequence") }),
};

export const shardCodec: Codec<Shard> = {
  encode: ({ id, rowStart, rowEnd }) => ({ id: uint32(id), rowStart, rowEnd }),
  decode: (message) => ({ id: decodeShardId(message, "id"), ...decodeRange(message) }),
};

export const leaseSliceCodec: Codec<LeaseSlice> = {
  encode: ({ file, rowStart, rowEnd }) => ({ file: inputFileCodec.encode(file), rowStart, rowEnd }),
  decode: (message) => ({ file: inputFileCodec.decode(message.message("file")), ...decodeRange(message) }),
};

const inputFileCodec: Codec<InputFile> = {
  encode: ({ path, format, bytes, mtimeMs, rows, footerSha256 }) => ({
    path,
    format,
    bytes,
    mtimeMs,
    rows,
    footerSha256,
  }),
  decode: (message) => ({
    path: message.name("path"),
    format: message.oneOf("format", DATASET_FORMATS),
    bytes: message.count("bytes"),
    mtimeMs: message.number("mtimeMs"),
    rows: message.count("rows"),
    footerSha256: message.text("footerSha256"),
  }),
};

function decodeRange(message: WireReader): { readonly rowStart: number; readonly rowEnd: number } {
  const rowStart = message.count("rowStart");
  const rowEnd = message.count("rowEnd");
  if (rowEnd < rowStart) message.fail("rowEnd", "lies before rowStart");
  return { rowStart, rowEnd };
}

export function decodeShardId(message: WireReader, field: string): ShardId {
  return shardId(message.count(field));
}
