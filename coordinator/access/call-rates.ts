import { type Callers, type CallKind, callerKey } from "../../shared/access/callers.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { type Rate, TokenBucket } from "../../shared/core/token-bucket.ts";
import { formatBytes } from "../../shared/core/units.ts";
import type { Identity } from "./judge.ts";

/**
 * `work`, of one connection, which is one process: a worker asks some ten times a shard, and reads its files
 * in pieces where it does not see them. `submit`, of one identity: whatever changes something. `read`: a page
 * asks ten times and then listens, a dashboard once in some seconds. `anyone`, of one address: health checks.
 * Larger ones would leave a loop without a pause much of the coordinator's one thread; an honest fleet or
 * page would meet smaller ones.
 */
const CALLS: Readonly<Record<CallKind, Rate>> = {
  work: { perS: 2_000, burst: 10_000 },
  submit: { perS: 20, burst: 200 },
  read: { perS: 500, burst: 5_000 },
  anyone: { perS: 500, burst: 5_000 },
};

/**
 * Of what one identity sends, but for what workers do: a job file is some kilobytes, 4 MiB at most, and takes
 * the thread a tenth of a second to check then.
 */
const BYTES: Rate = { perS: 4 << 20, burst: 64 << 20 };

/** Full buckets are forgotten above so many; of those that are not there are never more than callers. */
const MOST_BUCKETS = 30_000;

interface SentMessage {
  /** Address and port. */
  readonly peer: string;
  readonly bytes: number;
}

/**
 * How many calls one caller may have open at once. `read`: half of the watchers that there are for all; who
 * waits for each of 64 jobs has as much again. `submit`: those that wait to be planned, and some that cancel.
 * `anyone`, of one address: probes behind a proxy. `work`: what a connection bounds by itself; a fleet behind
 * one token has two for each of its workers.
 */
const OPEN: Readonly<Record<CallKind, number>> = {
  work: Number.POSITIVE_INFINITY,
  submit: 128,
  read: 128,
  anyone: 256,
};

/** A call of whoever has as many open as it may have: until one of them ends. */
const OPEN_RETRY_MS = 1_000;

/** How fast one peer may call, be it by gRPC or by HTTP, and how many calls it may have open. */
export class CallRates {
  readonly #nowMs: () => number;
  readonly #mostOpen: Readonly<Record<CallKind, number>>;
  readonly #open = new OpenCalls();
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #refused: Record<CallKind, number> = { work: 0, submit: 0, read: 0, anyone: 0 };

  /** @param mostOpen where it is another than for a coordinator's own calls */
  constructor(nowMs: () => number, mostOpen: Partial<Record<CallKind, number>> = {}) {
    this.#nowMs = nowMs;
    this.#mostOpen = { ...OPEN, ...mostOpen };
  }

  /** Callers that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Calls that were refused so far. */
  get refused(): Readonly<Record<CallKind, number>> {
    return this.#refused;
  }

  /**
   * Counts a call, before anything of it is read.
   *
   * @param peer address and port
   * @throws {RESOURCE_EXHAUSTED} when that one has called too often; `retryMs` says when to come again
   */
  call({ name }: Identity, callers: Callers, peer: string): void {
    const kind = kindOf(callers);
    const who = whoIs(kind, name, peer);
    const { perS, burst } = CALLS[kind];
    const waitMs = this.#take(`${kind} ${who}`, CALLS[kind], 1);
    if (waitMs === 0) return;
    this.#refused[kind] += 1;
    throw tooMuch(`${who} calls too often: ${perS} times a second are open to it, ${burst} at once`, waitMs);
  }

  /**
   * Counts a call as open.
   *
   * @returns what says that it has ended, to be called once
   * @throws {RESOURCE_EXHAUSTED} when that one has too many open
   */
  open({ name }: Identity, callers: Callers, peer: string): () => void {
    const kind = kindOf(callers);
    const who = whoIs(kind, name, peer);
    const most = this.#mostOpen[kind];
    const ended = this.#open.open(`${kind} ${who}`, most);
    if (ended !== null) return ended;
    this.#refused[kind] += 1;
    throw tooMuch(`${who} has too many calls open: ${most} at once are open to it`, OPEN_RETRY_MS);
  }

  /** Counts a message, before it is decoded. @throws {RESOURCE_EXHAUSTED} as {@link call} */
  message({ name }: Identity, callers: Callers, { peer, bytes }: SentMessage): void {
    const kind = kindOf(callers);
    if (kind === "work") return;
    const who = whoIs(kind, name, peer);
    const waitMs = this.#take(`bytes ${who}`, BYTES, bytes);
    if (waitMs === 0) return;
    this.#refused[kind] += 1;
    throw tooMuch(`${who} sends too much: ${formatBytes(BYTES.perS)} a second are open to it`, waitMs);
  }

  #take(key: string, rate: Rate, amount: number): number {
    const nowMs = this.#nowMs();
    const bucket = this.#buckets.get(key) ?? new TokenBucket(rate, nowMs);
    // Last, as the one that was used last.
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
    hint: `come again in ${retryMs} ms, and less often`,
  });
}

/** Calls that are open now, by who made them: those that watch last for hours, and each is work to do. */
class OpenCalls {
  readonly #open = new Map<string, number>();

  /** @returns what says that it has ended, to be called once; null where `most` are open already */
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
