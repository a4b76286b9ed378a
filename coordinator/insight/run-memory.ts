import { isEnded, type JobPhase } from "../../shared/domain/job.ts";
import type { JobProgress } from "../../shared/domain/run-facts.ts";
import type { RunHistory } from "../../shared/domain/run-history.ts";
import type { SpanEnd } from "../../shared/domain/span-ends.ts";
import { tokenKey } from "../../shared/domain/token.ts";
import type { JobEffect } from "../schedule/state/effect.ts";
import type { JobEvent } from "../schedule/state/event.ts";
import type { JournalRecord, RecordOf } from "../schedule/state/record.ts";
import { Durations } from "./durations.ts";
import { PaceSamples } from "./pace-samples.ts";
import { takenOffer } from "./record-times.ts";
import type { OpenSpan } from "./time-line.ts";
import { type WorkerMeasure, WorkerMemories } from "./worker-memories.ts";
import { noEnds, type WorkerLook, type WorkerMemory } from "./worker-memory.ts";

/**
 * Limit of spans over all workers, which is some megabytes. The workers share it, up to a limit for each one.
 */
const ALL_SPANS = 32_768;
const LEAST_SPANS = 16;
const MOST_SPANS = 256;
/** Limit of phase changes. A damaged partial returns a job from reducing to running, possibly many times. */
const MOST_PHASES = 32;

/** Limit of coordinators that are kept apart, for a job whose coordinators are killed again and again. */
const MOST_PERIODS = 100;

interface WorkPeriod {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Limits of the history that is returned. */
interface Measure extends WorkerMeasure {
  readonly samples: number;
}

/**
 * Two hundred workers with twenty spans each fill a page. That is some 170 KB, and a few KB for a usual run.
 */
export const KEPT_MEASURE: Measure = { workers: 256, spans: 40, allSpans: 4_096, samples: 120 };

interface MemoryOptions {
  /** Time at which the first known coordinator received the job, by this coordinator's clock. */
  readonly beganMs: number;
  readonly beganWallMs: number;
  /** Time at which this coordinator received the job. Default: `beganMs`, so this is the first one. */
  readonly sinceMs?: number;
}

type OpenAttempt = OpenSpan & { readonly worker: WorkerMemory };

/** Data that another coordinator needs to continue the history, as JSON. */
export interface RememberedRun {
  readonly history: Omit<RunHistory, "deadLetters">;
  /** Attempts that have not ended, with the keys of their tokens. Times are seconds as in the history. */
  readonly open: readonly (Pick<OpenSpan, "line" | "shard" | "backup"> & {
    readonly key: string;
    readonly worker: string;
    readonly from: number;
    readonly handedIn: number | null;
  })[];
}

/**
 * History of a run: which worker had which shard, how attempts ended, the pace, and the workers' connected
 * times. It is fed with all events of the core and all samples of the workers, and decides nothing.
 * `recallRun` adds the time under earlier coordinators. The constants above bound its size, whatever the
 * run's length. The caller passes the time.
 */
export class RunMemory {
  readonly #options: MemoryOptions;
  readonly #workers = new WorkerMemories();
  readonly #open = new Map<string, OpenAttempt>();
  readonly #ends = noEnds();
  readonly #pace = new PaceSamples();
  readonly #durations = new Durations();
  readonly #phases: { readonly phase: JobPhase; readonly fromMs: number }[] = [];
  #attempts = 0;
  #backups = 0;
  #commits = 0;
  #revocations = 0;
  #periods: readonly WorkPeriod[] = [];
  #lookedMs: number | null = null;
  #lastMs: number;

  constructor(options: MemoryOptions) {
    this.#options = options;
    this.#lastMs = options.beganMs;
  }

  /** Restores the history that an earlier coordinator recorded. */
  restore({ history, open }: RememberedRun): void {
    const { beganMs } = this.#options;
    const ms = (seconds: number) => beganMs + 1000 * seconds;
    this.#pace.restore(history.pace, beganMs);
    this.#durations.restore(history.durations, history.slowest);
    for (const { phase, from } of history.phases) this.#enter(phase, ms(from));
    this.#attempts = history.attempts;
    this.#backups = history.backups;
    Object.assign(this.#ends, history.ends);
    this.#commits = history.commits;
    this.#revocations = history.revocations;
    this.#workers.restore(history, beganMs);
    for (const { key, worker: name, from, line, shard, backup, handedIn } of open) {
      const worker = this.#workers.of(name, beganMs);
      const span = worker.line.begin(ms(from), shard, backup, line);
      if (handedIn !== null) worker.line.offered(span, ms(handedIn));
      this.#open.set(key, Object.assign(span, { worker }));
    }
    this.#lastMs = ms(history.seconds);
  }

  /** Returns the argument of {@link restore}. */
  remembered(): RememberedRun {
    const history = this.history(KEPT_MEASURE);
    const open = [...this.#open].map(([key, { worker, line, shard, backup, fromMs, offeredMs }]) => {
      const times = {
        from: this.#seconds(fromMs),
        handedIn: offeredMs === null ? null : this.#seconds(offeredMs),
      };
      return { key, worker: worker.name, line, shard, backup, ...times };
    });
    return { history, open };
  }

  /**
   * Adds a record of an earlier coordinator.
   *
   * @param rowsDone rows of shards that were committed by then
   * @returns the name of the worker in the record, null when it names none
   */
  recall(ms: number, record: JournalRecord, rowsDone: number): string | null {
    this.#lastMs = ms;
    const worker = this.#recorded(ms, record);
    if (record.kind === "planSealed") this.#enter("running", ms);
    if (record.kind === "shardCommitted")
      this.#pace.record({ atMs: ms, rowsDone, workers: this.#workers.busy });
    return worker?.name ?? null;
  }

  /** Notes that the partial of an attempt was offered. */
  handedIn(ms: number, key: string): void {
    const span = this.#open.get(key);
    if (span !== undefined) span.worker.line.offered(span, ms);
  }

  /**
   * Notes that a coordinator ended for an unknown reason. Attempts that may still run are over for this
   * history.
   */
  interrupted(rowsDone: number, there: ReadonlyMap<string, number>): void {
    for (const [name, ms] of there) this.#workers.of(name, this.#lastMs).wasThere(ms);
    for (const key of [...this.#open.keys()]) this.#end(this.#lastMs, key, "interrupted");
    this.#pace.record({ atMs: this.#lastMs, rowsDone, workers: 0 });
  }

  /** Sets the earlier coordinators, in order. */
  addPeriods(periods: readonly WorkPeriod[]): void {
    this.#periods = periods.slice(-MOST_PERIODS);
  }

  /** Time that the earlier coordinators spent on the job. */
  get earlierMs(): number {
    return this.#periods.reduce((sum, { fromMs, toMs }) => sum + Math.max(0, toMs - fromMs), 0);
  }

  /** Adds an event right after the core has applied it. */
  applied(nowMs: number, phase: JobPhase, event: JobEvent, effects: readonly JobEffect[]): void {
    this.#lastMs = nowMs;
    if (event.kind === "workerJoined") this.#workers.joined(nowMs, event.worker, event.name);
    for (const effect of effects) if (effect.kind === "append") this.#recorded(nowMs, effect.record);
    const offered = takenOffer(event, effects);
    if (offered !== null) this.handedIn(nowMs, offered);
    if (event.kind === "workerLost" || event.kind === "workerRefused")
      this.#workers.left(nowMs, event.worker);
    this.#enter(phase, nowMs);
    // Offers that were being verified no longer count.
    if (isEnded(phase)) for (const key of [...this.#open.keys()]) this.#end(nowMs, key, "superseded");
  }

  /** Adds a sample of the run, with the workers that have reported, by name. */
  look(
    nowMs: number,
    { phase, rowsDone, workers }: JobProgress,
    looks: ReadonlyMap<string, WorkerLook>,
  ): void {
    const ms = nowMs - (this.#lookedMs ?? nowMs);
    this.#lookedMs = nowMs;
    this.#lastMs = nowMs;
    this.#enter(phase, nowMs);
    this.#pace.record({ atMs: nowMs, rowsDone, workers });
    for (const [name, look] of looks) this.#workers.known(name)?.look(look, ms);
  }

  history(measure: Measure): Omit<RunHistory, "deadLetters"> {
    const { beganMs, beganWallMs, sinceMs = beganMs } = this.#options;
    const seconds = (ms: number) => this.#seconds(ms);
    const nowMs = this.#lastMs;
    const periods = [...this.#periods, { fromMs: sinceMs, toMs: nowMs }];
    return {
      began: new Date(beganWallMs).toISOString(),
      seconds: seconds(nowMs),
      ...(periods.length === 1
        ? {}
        : { periods: periods.map(({ fromMs, toMs }) => ({ from: seconds(fromMs), to: seconds(toMs) })) }),
      phases: this.#phases.map(({ phase, fromMs }) => ({ phase, from: seconds(fromMs) })),
      pace: this.#pace.pace(beganMs, measure.samples),
      attempts: this.#attempts,
      backups: this.#backups,
      ends: { ...this.#ends },
      commits: this.#commits,
      revocations: this.#revocations,
      durations: this.#durations.durations,
      slowest: this.#durations.slowest,
      ...this.#workers.recorded(nowMs, beganMs, measure),
    };
  }

  #seconds(ms: number): number {
    return Math.round(ms - this.#options.beganMs) / 1000;
  }

  #recorded(nowMs: number, record: JournalRecord): WorkerMemory | null {
    switch (record.kind) {
      case "leaseGranted":
        return this.#granted(nowMs, record);
      case "attemptEnded":
        return this.#end(nowMs, tokenKey(record.token), record.end.kind);
      case "shardCommitted": {
        this.#commits += 1;
        const worker = this.#end(nowMs, tokenKey(record.partial.token), "committed");
        if (worker !== null) worker.rows += record.partial.rowsIn;
        return worker;
      }
      case "shardRevoked":
        this.#revocations += 1;
        return null;
      default:
        return null;
    }
  }

  #granted(nowMs: number, { shard, token, worker: name, backup }: RecordOf<"leaseGranted">): WorkerMemory {
    this.#attempts += 1;
    if (backup) this.#backups += 1;
    const worker = this.#workers.of(name, nowMs);
    const span = worker.line.begin(nowMs, shard, backup);
    this.#open.set(tokenKey(token), Object.assign(span, { worker }));
    return worker;
  }

  /**
   * Ends an attempt. Null for an attempt that has ended before: its lease expired, and its partial came late.
   */
  #end(nowMs: number, key: string, end: SpanEnd): WorkerMemory | null {
    const span = this.#open.get(key);
    if (span === undefined) return null;
    this.#open.delete(key);
    const { worker } = span;
    const share = Math.floor(ALL_SPANS / Math.max(1, this.#workers.size));
    worker.line.end(span, nowMs, end, Math.max(LEAST_SPANS, Math.min(MOST_SPANS, share)));
    this.#ends[end] += 1;
    worker.ends[end] += 1;
    if (end === "committed")
      this.#durations.add(span.shard, worker.name, (span.offeredMs ?? nowMs) - span.fromMs);
    return worker;
  }

  #enter(phase: JobPhase, nowMs: number): void {
    if (phase === "planning" || this.#phases.at(-1)?.phase === phase) return;
    if (this.#phases.length < MOST_PHASES) this.#phases.push({ phase, fromMs: nowMs });
  }
}
