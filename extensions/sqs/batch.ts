import { sleep } from "../../shared/core/abort.ts";
import { backoffMs } from "../../shared/core/backoff.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { SqsClient } from "./client.ts";

/** SQS's limit for one call. */
export const MOST_ENTRIES = 10;
const AT_ONCE = 16;
/** Pauses between attempts while SQS is unreachable. */
const PAUSES = { firstMs: 500, maxMs: 10_000 };

/** Entry of a batch, without its id. */
export interface BatchEntry {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Size that counts towards a call's limit. */
  readonly bytes: number;
}

interface Batch {
  readonly action: "SendMessageBatch" | "DeleteMessageBatch" | "ChangeMessageVisibilityBatch";
  /** URL of another queue. Default: the client's own queue. */
  readonly url?: string;
  /** Limit of all entries of a call. Default: none. */
  readonly mostBytes?: number;
}

/**
 * Executes every entry in as few calls as possible. Failed entries are retried until they succeed or the
 * signal aborts.
 *
 * @returns for each entry, null after success, or the reason of a permanent failure
 * @throws {QUEUE_FAILED} when the queue cannot be used
 * @throws the signal's reason
 */
export async function batched(
  client: SqsClient,
  batch: Batch,
  entries: readonly BatchEntry[],
  signal: AbortSignal,
): Promise<(string | null)[]> {
  const refusals: (string | null)[] = entries.map(() => null);
  const chunks = cut(entries, batch.mostBytes ?? Number.POSITIVE_INFINITY);
  await mapConcurrent(chunks, AT_ONCE, async (chunk) => {
    let left: readonly number[] = chunk;
    for (let tries = 0; left.length > 0; tries += 1) {
      if (tries > 0) await sleep(backoffMs(tries - 1, PAUSES, Math.random()), signal);
      left = await once(client, batch, { entries, left, refusals }, signal);
    }
  });
  return refusals;
}

/** @returns indices of the entries to retry */
async function once(
  client: SqsClient,
  { action, url }: Batch,
  {
    entries,
    left,
    refusals,
  }: { entries: readonly BatchEntry[]; left: readonly number[]; refusals: (string | null)[] },
  signal: AbortSignal,
): Promise<readonly number[]> {
  const Entries = left.map((at) => ({ Id: String(at), ...entries[at]?.fields }));
  try {
    const { Failed } = await client.call(
      action,
      { Entries },
      { signal, ...(url === undefined ? {} : { url }) },
    );
    const again: number[] = [];
    for (const failed of Array.isArray(Failed) ? (Failed as readonly FailedEntry[]) : []) {
      if (failed.SenderFault === true)
        refusals[Number(failed.Id)] = `${failed.Code}: ${failed.Message ?? ""}`;
      else again.push(Number(failed.Id));
    }
    return again;
  } catch (error) {
    if (signal.aborted || !isShardmillError(error, "STORE_FAILED")) throw error;
    return left;
  }
}

interface FailedEntry {
  readonly Id?: unknown;
  readonly SenderFault?: unknown;
  readonly Code?: unknown;
  readonly Message?: unknown;
}

function cut(entries: readonly BatchEntry[], mostBytes: number): number[][] {
  const chunks: number[][] = [];
  let chunkBytes = 0;
  for (const [at, { bytes }] of entries.entries()) {
    const last = chunks.at(-1);
    if (last === undefined || last.length === MOST_ENTRIES || chunkBytes + bytes > mostBytes) {
      chunks.push([at]);
      chunkBytes = bytes;
    } else {
      last.push(at);
      chunkBytes += bytes;
    }
  }
  return chunks;
}
