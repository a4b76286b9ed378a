import type { JobId } from "../domain/job-id.ts";
import type { FileStat } from "../domain/location.ts";
import type { WorkerSession } from "../domain/worker.ts";
import type { Codec } from "./codec.ts";
import { executionId } from "./codec-partial.ts";
import { tokenCodec } from "./codec-shard.ts";
import { field } from "./field.ts";
import { defineMethod, nothing } from "./method.ts";
import type { PutHeader } from "./services.ts";
import { type FieldTable, tableCodec } from "./table-codec.ts";

/**
 * Larger chunks are refused: each stream may hold a few in memory. Chunks of 256 KiB to 1 MiB are the
 * fastest.
 */
export const MAX_CHUNK_BYTES = 1 << 20;

interface FileOfJob {
  readonly session: WorkerSession;
  readonly jobId: JobId;
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

const fileOfJob: FieldTable<FileOfJob> = { session: field.session, jobId: field.jobId, path: field.name };

const statRequest = tableCodec<FileOfJob>("StatFileRequest", fileOfJob);

const statResponse = tableCodec<FileStat>("StatFileResponse", {
  bytes: field.count,
  version: field.text,
});

const rangeRequest = tableCodec<RangeOfFile>(
  "ReadRangeRequest",
  { ...fileOfJob, start: field.count, end: field.count },
  ({ start, end }, message) => {
    if (end < start) message.fail("end", "lies before start");
  },
);

const chunkCodec: Codec<Uint8Array> = {
  encode: (chunk) => ({ chunk }),
  decode(message) {
    const chunk = message.bytes("chunk");
    return chunk.length <= MAX_CHUNK_BYTES ? chunk : message.fail("chunk", "is larger than 1 MiB");
  },
};

export const putHeaderCodec = tableCodec<PutHeader>("PutHeader", {
  session: field.session,
  jobId: field.jobId,
  shard: field.shard,
  token: field.message(tokenCodec),
  executionId,
  name: field.name,
  bytes: field.count,
});

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
  statFile: defineMethod("DataService", "StatFile", statRequest, statResponse),
  readRange: defineMethod("DataService", "ReadRange", rangeRequest, chunkCodec),
  putPartialFile: defineMethod("DataService", "PutPartialFile", putPartCodec, nothing),
} as const;
