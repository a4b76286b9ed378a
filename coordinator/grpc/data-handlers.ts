import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { ShardmillError } from "../../shared/core/errors.ts";
import { within } from "../../shared/core/pace.ts";
import { dataMethods, type PutPart } from "../../shared/wire/methods-data.ts";
import type { DataService, PutHeader } from "../../shared/wire/services.ts";
import { serveClientStream, serveServerStream } from "../../shared/wire/streams.ts";
import { type ReportFailure, serveUnary } from "../../shared/wire/unary.ts";

export function dataHandlers(data: DataService, report: ReportFailure): UntypedServiceImplementation {
  return {
    StatFile: serveUnary(
      dataMethods.statFile,
      ({ session, jobId, path }, { signal }) => data.statFile(session, jobId, path, signal),
      report,
    ),
    ReadRange: serveServerStream(
      dataMethods.readRange,
      (range, { signal, who }) => data.readRange({ ...range, who }, signal),
      report,
    ),
    PutPartialFile: serveClientStream(
      dataMethods.putPartialFile,
      async (parts, { signal, who }) => {
        const { header, chunks } = await openUpload(parts);
        await data.putPartialFile({ ...header, who }, chunks, signal);
      },
      report,
    ),
  };
}

/** Limit of the wait for a header, which is sent with the call: longer than any connection needs. */
const HEADER_MS = 60_000;

/**
 * Reads the header of an upload.
 *
 * @throws {ARGUMENT_INVALID} when the upload does not begin with its header
 * @throws {DEADLINE_EXCEEDED} when the header does not arrive
 */
async function openUpload(
  parts: AsyncIterable<PutPart>,
): Promise<{ header: PutHeader; chunks: AsyncIterable<Uint8Array> }> {
  const iterator = parts[Symbol.asyncIterator]();
  const first = await within(iterator.next(), HEADER_MS);
  if (first.done === true || first.value.kind !== "header") {
    throw new ShardmillError("ARGUMENT_INVALID", "the upload does not begin with its header");
  }
  const { header } = first.value;
  return { header, chunks: chunksOf(iterator, header.bytes) };
}

/**
 * Yields the chunks of an upload.
 *
 * @throws {STORE_FAILED} when the chunks are not the `bytes` announced: a cancelled upload can look complete
 */
async function* chunksOf(
  rest: AsyncIterator<PutPart>,
  bytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0;
  try {
    for (let part = await rest.next(); part.done !== true; part = await rest.next()) {
      if (part.value.kind !== "chunk") {
        throw new ShardmillError("ARGUMENT_INVALID", "the upload has a second header");
      }
      received += part.value.chunk.length;
      if (received > bytes) break;
      yield part.value.chunk;
    }
  } finally {
    await rest.return?.();
  }
  if (received !== bytes) {
    throw new ShardmillError(
      "STORE_FAILED",
      `received ${received} bytes, but the header announced ${bytes}`,
      {
        fields: { expected: bytes, found: received },
      },
    );
  }
}
