import type { Clock } from "../../shared/core/clock.ts";
import { tokenKey } from "../../shared/domain/token.ts";
import type { JobEffect } from "../schedule/state/effect.ts";
import type { JobEvent } from "../schedule/state/event.ts";
import type { JournalRecord, RecordOf } from "../schedule/state/record.ts";

/** Of these the journal says when they were. */
type TimedRecord = RecordOf<"leaseGranted" | "attemptEnded" | "shardCommitted">;

/**
 * Puts on records when they were, so that another coordinator can tell how the run went. Some forty bytes a
 * shard, in writes that are made anyway.
 */
export class RecordTimes {
  readonly #clock: Clock;
  readonly #startedMs: number;
  /** By token, until the attempt has ended. */
  readonly #handedIn = new Map<string, number>();

  /** @param startedWallMs when the generation started, as the journal has it */
  constructor(clock: Clock, startedWallMs: number) {
    this.#clock = clock;
    this.#startedMs = clock.nowMs() - Math.max(0, clock.wallMs() - startedWallMs);
  }

  /** The core has applied an event; before its records are put down. */
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

/** Whose partial an event hands in, by the key of its token; null where none is, or it is refused. */
export function takenOffer(event: JobEvent, effects: readonly JobEffect[]): string | null {
  if (event.kind !== "partialOffered") return null;
  const isRefused = effects.some(({ kind }) => kind === "refuse" || kind === "settleOffer");
  return isRefused ? null : tokenKey(event.partial.token);
}

export function isTimed(record: JournalRecord): record is TimedRecord {
  return record.kind === "leaseGranted" || record.kind === "attemptEnded" || record.kind === "shardCommitted";
}
