import type { WorkerSession } from "../domain/worker.ts";
import type { StoreStat } from "../store/store.ts";
import { decodeShardId, tokenCodec } from "./codec-shard.ts";
import { decodeSession } from "./codec-worker.ts";
import { defineMethod, nothing } from "./method.ts";
import type { PutHeader } from "./services.ts";
import { type Codec, uint32 } from "./wire-message.ts";

/**
 * Larger chunks are refused: each stream may hold a few in memory. Chunks of 256 KiB to 1 MiB are the
 * fastest.
 */
export const MAX_CHUNK_BYTES = 1 << 20;

interface FileOfJob {
  readonly session: WorkerSession;
  readonly jobId: string;
  readonly path: string;
}

interface RangeOfFile extends FileOfJob {
  readonly start: number;
  readonly end: number;
}

/** What an upload consists of: a header, then chunks. */
export type PutPart =
  | { readonly kind: "header"; readonly header: PutHeader }
  | { readonly kind: "chunk"; readonly chunk: Uint8Array };

const fileOfJobCodec: Codec<FileOfJob> = {
  encode: ({ session, jobId, path }) => ({ session, jobId, path }),
  decode: (message) => ({
    session: decodeSession(message),
    jobId: message.name("jobId"),
    path: message.name("path"),
  }),
};

const statCodec: Codec<StoreStat> = {
  encode: ({ bytes, mtimeMs }) => ({ bytes, mtimeMs }),
  decode: (message) => ({ bytes: message.count("bytes"), mtimeMs: message.number("mtimeMs") }),
};

const rangeCodec: Codec<RangeOfFile> = {
  encode: ({ start, end, ...file }) => ({ ...fileOfJobCodec.encode(file), start, end }),
  decode(message) {
    const start = message.count("start");
    const end = message.count("end");
    if (end < start) message.fail("end", "lies before start");
    return { ...fileOfJobCodec.decode(message), start, end };
  },
};

const chunkCodec: Codec<Uint8Array> = {
  encode: (chunk) => ({ chunk }),
  decode(message) {
    const chunk = message.bytes("chunk");
    return chunk.length <= MAX_CHUNK_BYTES ? chunk : message.fail("chunk", "is larger than 1 MiB");
  },
};

const putHeaderCodec: Codec<PutHeader> = {
  encode: ({ session, jobId, shard, token, executionId, name, bytes }) => ({
    session,
    jobId,
    shard: uint32(shard),
    token: tokenCodec.encode(token),
    executionId,
    name,
    bytes,
  }),
  decode: (message) => ({
    session: decodeSession(message),
    jobId: message.name("jobId"),
    shard: decodeShardId(message, "shard"),
    token: tokenCodec.decode(message.message("token")),
    executionId: message.name("executionId"),
    name: message.name("name"),
    bytes: message.count("bytes"),
  }),
};

const putPartCodec: Codec<PutPart> = {
  encode: (part) =>
    part.kind === "header" ? { header: putHeaderCodec.encode(part.header) } : chunkCodec.encode(part.chunk),
  decode(message) {
    const kind = message.which("part", ["header", "chunk"]);
    return kind === "header"
      ? { kind, header: putHeaderCodec.decode(message.message("header")) }
      : { kind, chunk: chunkCodec.decode(message) };
  },
};

export const dataMethods = {
  statFile: defineMethod("DataService", "StatFile", fileOfJobCodec, statCodec),
  readRange: defineMethod("DataService", "ReadRange", rangeCodec, chunkCodec),
  putPartialFile: defineMethod("DataService", "PutPartialFile", putPartCodec, nothing),
} as const;
