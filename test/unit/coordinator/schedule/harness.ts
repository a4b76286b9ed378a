import { applyEvent } from "../../../../coordinator/schedule/events/apply.ts";
import { replay, resumeEffects } from "../../../../coordinator/schedule/events/replay.ts";
import { durableFacts } from "../../../../coordinator/schedule/laws/durable-facts.ts";
import { checkInvariants } from "../../../../coordinator/schedule/laws/invariants.ts";
import { DEFAULT_SCHEDULE, type ScheduleConfig } from "../../../../coordinator/schedule/state/config.ts";
import type { JobEffect } from "../../../../coordinator/schedule/state/effect.ts";
import type { JobEvent } from "../../../../coordinator/schedule/state/event.ts";
import {
  createJobState,
  type JobState,
  unhappyEnd,
} from "../../../../coordinator/schedule/state/job-state.ts";
import type { FailureReason, JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import { BrokenLaw } from "../../../../shared/domain/laws.ts";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import { type Shard, shardId, shardRows } from "../../../../shared/domain/shard.ts";
import { type Token, tokenKey } from "../../../../shared/domain/token.ts";
import { type WorkerSession, workerSession } from "../../../../shared/domain/worker.ts";
import { rowCounts } from "../../../support/builders.ts";
import { aJobId, jobDigests } from "../../../support/ids.ts";

export const DIGESTS = jobDigests("s", "i", "m");

/** Returns the input of a plan: all rows in one file, and another without rows. */
export function filesOf(shards: readonly Shard[]) {
  return [
    { path: "a.parquet", rows: shards.at(-1)?.rowEnd ?? 0 },
    { path: "b.parquet", rows: 0 },
  ];
}

export type Effect<K extends JobEffect["kind"]> = Extract<JobEffect, { kind: K }>;

export function aConfig(changes: Partial<ScheduleConfig> = {}): ScheduleConfig {
  const workerLostMs = Math.max(DEFAULT_SCHEDULE.workerLostMs, 3 * (changes.leaseMs ?? 0));
  return { ...DEFAULT_SCHEDULE, workerLostMs, maxDeadLetters: 0, ...changes };
}

/** Returns `count` shards of `rows` rows each, in one file. */
export function aPlan(count: number, rows = 10): Shard[] {
  return Array.from({ length: count }, (_, index) => ({
    id: shardId(index),
    rowStart: index * rows,
    rowEnd: (index + 1) * rows,
  }));
}

let executions = 0;

export function aPartial(
  shard: Shard,
  token: Token,
  changes: Partial<PartialManifest> = {},
): PartialManifest {
  executions += 1;
  const executionId = changes.executionId ?? asExecutionId(`x${executions}`);
  const rowsOut = changes.rowsOut ?? shardRows(shard);
  return {
    shard: shard.id,
    token,
    executionId,
    ...rowCounts(rowsOut, { rowsIn: shardRows(shard) }),
    firstDeadLetter: null,
    files: [],
    digest: sha256(`${shard.id} ${tokenKey(token)} ${executionId}`),
    ...changes,
  };
}

export function aReason(code: FailureReason["code"], message = "it went wrong"): FailureReason {
  return { code, message, fields: {} };
}

export interface Granted {
  readonly worker: WorkerSession;
  readonly shard: Shard;
  readonly token: Token;
}

/** A job under test. After each event it checks every invariant, and that replay gives the same state. */
export class TestJob {
  state: JobState;
  nowMs = 1000;
  records: JournalRecord[] = [];
  /** Called for each event, like a shell's `onApplied`. */
  onApplied: (event: JobEvent, effects: readonly JobEffect[]) => void = () => {};
  readonly config: ScheduleConfig;

  constructor(config: ScheduleConfig = aConfig(), generation = 1) {
    this.config = config;
    this.state = createJobState(config, generation);
  }

  static running(shards: readonly Shard[], config: ScheduleConfig = aConfig()): TestJob {
    const job = new TestJob(config);
    job.apply({ kind: "jobAccepted", jobId: aJobId("j1"), name: "digits", digests: DIGESTS });
    job.apply({ kind: "planSealed", files: filesOf(shards), shards });
    return job;
  }

  apply(event: JobEvent): JobEffect[] {
    const effects = applyEvent(this.state, this.nowMs, event);
    this.onApplied(event, effects);
    for (const effect of effects) if (effect.kind === "append") this.records.push(effect.record);
    const isNew = event.kind === "leaseRequested" && event.running === undefined;
    if (isNew && this.state.standing.paused && effects.some(({ kind }) => kind === "grant"))
      throw new Error("a paused job assigned a shard");
    this.check();
    return effects;
  }

  check(): void {
    checkInvariants(this.state);
    const replayed = replay(this.config, this.records, this.state.generation + 1);
    const same = JSON.stringify(durableFacts(replayed)) === JSON.stringify(durableFacts(this.state));
    if (!same) throw new BrokenLaw("replay-is-the-state", "replay of the journal is the live state");
  }

  /** Replaces the coordinator by another, which replays the records that reached the disk. */
  restart(records: readonly JournalRecord[] = this.records): JobEffect[] {
    const generation = this.state.generation + 1;
    const mapping = `of generation ${generation}`;
    const before = { previousBytes: 0, previousCrc32: 0 };
    this.records = [
      ...records,
      { kind: "generationStarted", generation, build: "test", mapping, wallMs: 0, ...before },
    ];
    this.state = replay(this.config, this.records, generation);
    const effects = resumeEffects(this.state);
    for (const effect of effects) if (effect.kind === "append") this.records.push(effect.record);
    this.check();
    return effects;
  }

  join(name: string, slots = 2): WorkerSession {
    sessions += 1;
    const worker = workerSession(`${name}/${sessions}`);
    this.apply({ kind: "workerJoined", worker, name, slots });
    return worker;
  }

  lose(worker: WorkerSession, how: "exited" | "silent" | "left" = "exited"): JobEffect[] {
    return this.apply({ kind: "workerLost", worker, how, message: "killed" });
  }

  request(worker: WorkerSession): JobEffect[] {
    return this.apply({ kind: "leaseRequested", worker });
  }

  grant(worker: WorkerSession): Granted {
    const { shard, token } = only(this.request(worker), "grant");
    return { worker, shard, token };
  }

  noLease(worker: WorkerSession): Effect<"noLease"> {
    return only(this.request(worker), "noLease");
  }

  offer(worker: WorkerSession, partial: PartialManifest): JobEffect[] {
    return this.apply({ kind: "partialOffered", worker, partial });
  }

  stored(partial: PartialManifest): JobEffect[] {
    const { shard, token, executionId } = partial;
    return this.apply({ kind: "partialStored", shard, token, executionId });
  }

  rejected(partial: PartialManifest, code: FailureReason["code"] = "PARTIAL_INVALID"): JobEffect[] {
    const { shard, token, executionId } = partial;
    return this.apply({ kind: "partialRejected", shard, token, executionId, reason: aReason(code) });
  }

  /** Maps the next shard from lease to commit. */
  commit(worker: WorkerSession, changes: Partial<PartialManifest> = {}): PartialManifest {
    const { shard, token } = this.grant(worker);
    const partial = aPartial(shard, token, changes);
    this.offer(worker, partial);
    this.stored(partial);
    return partial;
  }

  fail({ worker, shard, token }: Granted, reason = aReason("MODEL_FAILED")): JobEffect[] {
    return this.apply({ kind: "attemptFailed", worker, shard: shard.id, token, reason });
  }

  release({ worker, shard, token }: Granted): JobEffect[] {
    return this.apply({ kind: "leaseReleased", worker, shard: shard.id, token });
  }

  beat(worker: WorkerSession, ...leases: readonly Granted[]): boolean[] {
    const reply = this.apply({
      kind: "heartbeat",
      worker,
      leases: leases.map(({ shard, token }) => ({ token, shard: shard.id, rowsDone: 1 })),
    });
    return only(reply, "heartbeatReply").leases.map(({ live }) => live);
  }

  tickAfter(ms: number): JobEffect[] {
    this.nowMs += ms;
    return this.apply({ kind: "tick" });
  }

  /** Reason of its failure or cancellation. */
  get failure(): FailureReason | null {
    return unhappyEnd(this.state);
  }

  stateOf(id: number): string | undefined {
    return this.state.shards[id]?.state.kind;
  }
}

let sessions = 0;

export function kinds(effects: readonly JobEffect[]): string[] {
  return effects.map((effect) => (effect.kind === "append" ? `append ${effect.record.kind}` : effect.kind));
}

/**
 * Returns the only effect of a kind.
 *
 * @throws {Error} when there is none, or more than one
 */
export function only<K extends JobEffect["kind"]>(effects: readonly JobEffect[], kind: K): Effect<K> {
  const found = effects.filter((effect): effect is Effect<K> => effect.kind === kind);
  const [first] = found;
  if (first === undefined || found.length > 1) {
    throw new Error(`expected one ${kind}, found ${JSON.stringify(effects)}`);
  }
  return first;
}

export function outcomeOf(effects: readonly JobEffect[]): string {
  const { outcome } = only(effects, "settleOffer");
  return outcome.kind === "refused" ? outcome.reason.code : outcome.kind;
}

/** Names a decision of the core: an effect, and its outcome, if any. */
export function decisionOf(effect: JobEffect): string {
  if (effect.kind === "settleOffer") {
    return `offer ${effect.outcome.kind === "refused" ? effect.outcome.reason.code : effect.outcome.kind}`;
  }
  if (effect.kind === "exclusion") return effect.excludedForMs === null ? "trusted again" : "excluded";
  if (effect.kind !== "append") return effect.kind;
  const { record } = effect;
  if (record.kind === "attemptEnded") return `attempt ${record.end.kind}`;
  return record.kind === "leaseGranted" && record.backup ? "backup" : `append ${record.kind}`;
}
