import { type Callers, type CallKind, callerKey } from "../../shared/access/callers.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { type Rate, TokenBucket } from "../../shared/core/token-bucket.ts";
import { formatBytes } from "../../shared/core/units.ts";
import type { Identity } from "./judge.ts";

/**
 * Limits of calls. Higher ones would let a loop without a pause take much of the coordinator's one thread.
 * Lower ones would refuse an honest fleet or page.
 *
 * - `work`, per connection, which is one process: a worker makes about ten calls per shard. It also reads
 *   input files in pieces if it cannot reach them.
 * - `submit`, per identity: all calls that change something.
 * - `read`, per identity: a page makes ten calls and then listens, and a dashboard one every few seconds.
 * - `anyone`, per address: health checks.
 */
const CALLS: Readonly<Record<CallKind, Rate>> = {
  work: { perS: 2_000, burst: 10_000 },
  submit: { perS: 20, burst: 200 },
  read: { perS: 500, burst: 5_000 },
  anyone: { perS: 500, burst: 5_000 },
};

/**
 * Limit of bytes that one identity sends, without calls of workers. A job file has some kilobytes. At 4 MiB,
 * the maximum, checking it takes the thread a tenth of a second.
 */
const BYTES: Rate = { perS: 4 << 20, burst: 64 << 20 };

/** Buckets above which full ones are dropped. At most one bucket per active caller is not full. */
const MOST_BUCKETS = 30_000;

interface SentMessage {
  /** Address and port. */
  readonly peer: string;
  readonly bytes: number;
}

/**
 * Limits of open calls per caller.
 *
 * - `work`: unlimited, because connections limit their streams. A fleet with one token has two calls per
 *   worker.
 * - `submit`: calls that wait for planning, and some cancellations.
 * - `read`: half of the watchers allowed for all. A client that waits for each of 64 jobs needs half of this.
 * - `anyone`, per address: probes behind a proxy.
 */
const OPEN: Readonly<Record<CallKind, number>> = {
  work: Number.POSITIVE_INFINITY,
  submit: 128,
  read: 128,
  anyone: 256,
};

/** Retry time for a caller with too many open calls, which must end first. */
const OPEN_RETRY_MS = 1_000;

/** Limits of each peer's call rate and open calls, by gRPC or by HTTP. */
export class CallRates {
  readonly #nowMs: () => number;
  readonly #mostOpen: Readonly<Record<CallKind, number>>;
  readonly #open = new OpenCalls();
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #refused: Record<CallKind, number> = { work: 0, submit: 0, read: 0, anyone: 0 };

  /** @param mostOpen limits of open calls that differ from the coordinator's own */
  constructor(nowMs: () => number, mostOpen: Partial<Record<CallKind, number>> = {}) {
    this.#nowMs = nowMs;
    this.#mostOpen = { ...OPEN, ...mostOpen };
  }

  /** Number of callers that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Number of calls refused so far. */
  get refused(): Readonly<Record<CallKind, number>> {
    return this.#refused;
  }

  /**
   * Counts a call, before its content is read.
   *
   * @param peer address and port
   * @throws {RESOURCE_EXHAUSTED} when the caller calls too often. `retryMs` is the time until the next call
   */
  call({ name }: Identity, callers: Callers, peer: string): void {
    const kind = kindOf(callers);
    const who = whoIs(kind, name, peer);
    const { perS, burst } = CALLS[kind];
    const waitMs = this.#take(`${kind} ${who}`, CALLS[kind], 1);
    if (waitMs === 0) return;
    this.#refused[kind] += 1;
    throw tooMuch(
      `${who} calls too often: the limit is ${perS} calls a second, and ${burst} at once`,
      waitMs,
    );
  }

  /**
   * Counts a call as open.
   *
   * @returns function that ends the call. Call it once
   * @throws {RESOURCE_EXHAUSTED} when the caller has too many open
   */
  open({ name }: Identity, callers: Callers, peer: string): () => void {
    const kind = kindOf(callers);
    const who = whoIs(kind, name, peer);
    const most = this.#mostOpen[kind];
    const ended = this.#open.open(`${kind} ${who}`, most);
    if (ended !== null) return ended;
    this.#refused[kind] += 1;
    throw tooMuch(`${who} has too many calls open: the limit is ${most} at once`, OPEN_RETRY_MS);
  }

  /** Counts a message before it is decoded. @throws {RESOURCE_EXHAUSTED} like {@link call} */
  message({ name }: Identity, callers: Callers, { peer, bytes }: SentMessage): void {
    const kind = kindOf(callers);
    if (kind === "work") return;
    const who = whoIs(kind, name, peer);
    const waitMs = this.#take(`bytes ${who}`, BYTES, bytes);
    if (waitMs === 0) return;
    this.#refused[kind] += 1;
    throw tooMuch(`${who} sends too much: the limit is ${formatBytes(BYTES.perS)} a second`, waitMs);
  }

  #take(key: string, rate: Rate, amount: number): number {
    const nowMs = this.#nowMs();
    const bucket = this.#buckets.get(key) ?? new TokenBucket(rate, nowMs);
    // Keep the map in order of use, the last used bucket last.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    for (const [first, oldest] of this.#buckets) {
      if (this.#buckets.size <= MOST_BUCKETS || !oldest.isFull(nowMs)) break;
      this.#buckets.delete(first);
    }
    return bucket.take(amount, nowMs);
  }
}

function kindOf(callers: Callers): CallKind {
  switch (callers) {
    case "work":
    case "anyone":
    case "submit":
      return callers;
    case "admin":
      return "submit";
    case "read":
    case "known":
      return "read";
  }
}

function whoIs(kind: CallKind, name: string, peer: string): string {
  if (kind === "anyone") return hostOf(peer);
  return kind === "work" ? peer : callerKey({ name, peer });
}

function hostOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(":"));
}

function tooMuch(message: string, retryMs: number): ShardmillError {
  return new ShardmillError("RESOURCE_EXHAUSTED", message, {
    fields: { retryMs },
    hint: `retry in ${retryMs} ms, and call less often`,
  });
}

/** Open calls by caller. Watching calls last for hours, and each costs work. */
class OpenCalls {
  readonly #open = new Map<string, number>();

  /**
   * Counts an open call.
   *
   * @returns function that ends the call. Call it once. Null: `most` calls are open already
   */
  open(key: string, most: number): (() => void) | null {
    const open = this.#open.get(key) ?? 0;
    if (open >= most) return null;
    this.#open.set(key, open + 1);
    return () => {
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left === 0) this.#open.delete(key);
      else this.#open.set(key, left);
    };
  }
}
