import { dataMethods, MAX_CHUNK_BYTES, type PutPart } from "./methods-data.ts";
import type { Peer } from "./peer.ts";
import type { DataService, PutHeader } from "./services.ts";
import { callClientStream, callServerStream } from "./streams.ts";
import { callUnary } from "./unary.ts";

/**
 * Least limit of a transfer, also for an empty file. A busy coordinator lets a transfer wait for a third of
 * this, then refuses it.
 */
const TRANSFER_FLOOR_MS = 120_000;

/**
 * Slowest tolerated transfer: 256 KiB a second. Uploads send at most 64 KiB a round trip, so this tolerates
 * round trips of 250 ms.
 */
const SLOWEST_BYTES_PER_MS = 256 * 1.024;

export function dataClient(peer: Peer, controlMs: number): DataService {
  return {
    statFile: (session, jobId, path, signal) =>
      callUnary(peer, dataMethods.statFile, { session, jobId, path }, { deadlineMs: controlMs, signal }),
    readRange(range, signal) {
      const deadlineMs = transferMs(range.end - range.start);
      return callServerStream(peer, dataMethods.readRange, range, { deadlineMs, signal });
    },
    putPartialFile(header, chunks, signal) {
      const deadlineMs = transferMs(header.bytes);
      return callClientStream(peer, dataMethods.putPartialFile, putParts(header, chunks), {
        deadlineMs,
        signal,
      });
    },
  };
}

function transferMs(bytes: number): number {
  return TRANSFER_FLOOR_MS + bytes / SLOWEST_BYTES_PER_MS;
}

async function* putParts(header: PutHeader, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<PutPart> {
  yield { kind: "header", header };
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += MAX_CHUNK_BYTES) {
      yield { kind: "chunk", chunk: chunk.subarray(start, start + MAX_CHUNK_BYTES) };
    }
  }
}
