import type { Clock } from "../../shared/core/clock.ts";
import { tokenKey } from "../../shared/domain/token.ts";
import type { JobEffect } from "../schedule/state/effect.ts";
import type { JobEvent } from "../schedule/state/event.ts";
import type { JournalRecord, RecordOf } from "../schedule/state/record.ts";

/** Records that carry their time. */
type TimedRecord = RecordOf<"leaseGranted" | "attemptEnded" | "shardCommitted">;

/**
 * Adds times to records, so that another coordinator can rebuild the run's history. They cost some forty
 * bytes a shard, in writes that happen anyway.
 */
export class RecordTimes {
  readonly #clock: Clock;
  readonly #startedMs: number;
  /** Time of each offer by token, until its attempt has ended. */
  readonly #handedIn = new Map<string, number>();

  /** @param startedWallMs start of the generation, as in the journal */
  constructor(clock: Clock, startedWallMs: number) {
    this.#clock = clock;
    this.#startedMs = clock.nowMs() - Math.max(0, clock.wallMs() - startedWallMs);
  }

  /**
   * Notes the time of an offer. Called after the core has applied an event, before its records are appended.
   */
  applied(event: JobEvent, effects: readonly JobEffect[]): void {
    const key = takenOffer(event, effects);
    if (key !== null && !this.#handedIn.has(key)) this.#handedIn.set(key, this.#now());
  }

  timed(record: JournalRecord): JournalRecord {
    if (!isTimed(record)) return record;
    const at = this.#now();
    if (record.kind === "leaseGranted") return { ...record, at };
    const key = tokenKey(record.kind === "attemptEnded" ? record.token : record.partial.token);
    const handedIn = this.#handedIn.get(key);
    this.#handedIn.delete(key);
    return handedIn === undefined ? { ...record, at } : { ...record, at, handedIn };
  }

  #now(): number {
    return Math.round(this.#clock.nowMs() - this.#startedMs);
  }
}

/**
 * Returns the token key of the partial that an event offers. Null: it offers none, or the offer is refused.
 */
export function takenOffer(event: JobEvent, effects: readonly JobEffect[]): string | null {
  if (event.kind !== "partialOffered") return null;
  const isRefused = effects.some(({ kind }) => kind === "refuse" || kind === "settleOffer");
  return isRefused ? null : tokenKey(event.partial.token);
}

export function isTimed(record: JournalRecord): record is TimedRecord {
  return record.kind === "leaseGranted" || record.kind === "attemptEnded" || record.kind === "shardCommitted";
}
