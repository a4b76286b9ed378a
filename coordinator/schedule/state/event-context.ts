import type { WorkerSession } from "../../../shared/domain/worker.ts";
import type { JobEffect } from "./effect.ts";
import { evolve } from "./evolve.ts";
import type { JobState } from "./job-state.ts";
import type { JournalRecord } from "./record.ts";

/** One event at work: the state that it changes, when it happens, and the effects so far. */
export interface EventContext {
  readonly state: JobState;
  readonly nowMs: number;
  readonly effects: JobEffect[];
}

/** A fact that must be on disk before anything that follows it is done. */
export function recordDurably(context: EventContext, record: JournalRecord): void {
  evolve(context.state, record);
  context.effects.push({ kind: "append", record, durable: true });
}

/** A fact whose loss costs repeated work at most. */
export function recordSoon(context: EventContext, record: JournalRecord): void {
  evolve(context.state, record);
  context.effects.push({ kind: "append", record, durable: false });
}

/** Shards became available. */
export function wake(context: EventContext): void {
  mergeWake(context, true, []);
}

/** A worker has a slot again. */
export function wakeWorker(context: EventContext, session: WorkerSession): void {
  if (context.state.phase.kind === "running") mergeWake(context, false, [session]);
}

/** One an event is enough. */
function mergeWake({ effects }: EventContext, shards: boolean, freed: readonly WorkerSession[]): void {
  const at = effects.findIndex(({ kind }) => kind === "wake");
  const [before] = at < 0 ? [] : effects.splice(at, 1);
  const merged = before?.kind === "wake" ? before : { shards: false, freed: [] };
  effects.push({ kind: "wake", shards: merged.shards || shards, freed: [...merged.freed, ...freed] });
}
