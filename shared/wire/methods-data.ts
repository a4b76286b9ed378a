import type { JobId } from "../domain/job-id.ts";
import type { FileStat } from "../domain/location.ts";
import type { WorkerSession } from "../domain/worker.ts";
import { executionId } from "./codec-partial.ts";
import { tokenCodec } from "./codec-shard.ts";
import { type FieldCodec, field } from "./field.ts";
import { defineMethod, nothing } from "./method.ts";
import type { PutHeader } from "./services.ts";
import { type FieldTable, onlyField, tableCodec, unionCodec } from "./table-codec.ts";

/**
 * Limit of a chunk, because each stream may hold a few in memory. Chunks of 256 KiB to 1 MiB are the fastest.
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

/** Part of an upload: a header first, then chunks. */
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

const chunk: FieldCodec<Uint8Array> = {
  ...field.bytes,
  decode(message, name) {
    const found = message.bytes(name);
    return found.length <= MAX_CHUNK_BYTES ? found : message.fail(name, "is larger than 1 MiB");
  },
};

const putHeader = tableCodec<PutHeader>("PutHeader", {
  session: field.session,
  jobId: field.jobId,
  shard: field.shard,
  token: field.message(tokenCodec),
  executionId,
  name: field.name,
  bytes: field.count,
});

const putPart = unionCodec<PutPart>("part", {
  header: field.held("header", field.message(putHeader)),
  chunk: field.held("chunk", chunk),
});

export const dataMethods = {
  statFile: defineMethod("DataService", "StatFile", statRequest, statResponse),
  readRange: defineMethod("DataService", "ReadRange", rangeRequest, onlyField("chunk", chunk)),
  putPartialFile: defineMethod("DataService", "PutPartialFile", putPart, nothing),
} as const;
