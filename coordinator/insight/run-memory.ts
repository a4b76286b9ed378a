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

/** Over all workers: some megabytes. Of few workers each has its share, up to the most of one. */
const ALL_SPANS = 32_768;
const LEAST_SPANS = 16;
const MOST_SPANS = 256;
/** A job goes back from reducing to running where a partial was damaged: as often as that may be. */
const MOST_PHASES = 32;

/** A coordinator that was killed, and the next, again and again: only the last are told apart. */
const MOST_LIVES = 100;

interface Life {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How much of it is told. */
interface Measure extends WorkerMeasure {
  readonly samples: number;
}

/** Two hundred workers fill a page, with twenty spans each; that is some 170 KB, a few of a usual run. */
export const KEPT_MEASURE: Measure = { workers: 256, spans: 40, allSpans: 4_096, samples: 120 };

interface MemoryOptions {
  /** When the first coordinator of which anything is known was given the job, by this one's clock. */
  readonly beganMs: number;
  readonly beganWallMs: number;
  /** When this one was. Left out: it is the first. */
  readonly sinceMs?: number;
}

type OpenAttempt = OpenSpan & { readonly worker: WorkerMemory };

/** What another coordinator needs in order to go on with it: plain data, as JSON. */
export interface RememberedRun {
  readonly history: Omit<RunHistory, "dead">;
  /** Attempts that have not ended, by the keys of their tokens; seconds as in the history. */
  readonly open: readonly (Pick<OpenSpan, "line" | "shard" | "backup"> & {
    readonly key: string;
    readonly worker: string;
    readonly from: number;
    readonly handedIn: number | null;
  })[];
}

/**
 * Remembers a run: who had which shard when, and how it ended; how fast it was; how long workers were there.
 * Told of all that happens to the core, and of each look at the workers; decides nothing. Of what happened
 * under earlier coordinators `recallRun` tells it. Bounded by the constants above, whatever the run's length.
 * Pure: time comes in with each call.
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
  #lives: readonly Life[] = [];
  #lookedMs: number | null = null;
  #lastMs: number;

  constructor(options: MemoryOptions) {
    this.#options = options;
    this.#lastMs = options.beganMs;
  }

  /** As an earlier coordinator remembered it. */
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

  /** What {@link restore} takes. */
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
   * A record of an earlier coordinator.
   *
   * @param rowsDone of shards that were committed by then
   * @returns the worker that it is about; null for none
   */
  recall(ms: number, record: JournalRecord, rowsDone: number): string | null {
    this.#lastMs = ms;
    const worker = this.#recorded(ms, record);
    if (record.kind === "planSealed") this.#enter("running", ms);
    if (record.kind === "shardCommitted")
      this.#pace.record({ atMs: ms, rowsDone, workers: this.#workers.busy });
    return worker?.name ?? null;
  }

  /** The partial of an attempt was handed in. */
  handedIn(ms: number, key: string): void {
    const span = this.#open.get(key);
    if (span !== undefined) span.worker.line.offered(span, ms);
  }

  /** A coordinator ended, nobody knows how: what ran then may run still, but not for the next one. */
  interrupted(rowsDone: number, there: ReadonlyMap<string, number>): void {
    for (const [name, ms] of there) this.#workers.of(name, this.#lastMs).wasThere(ms);
    for (const key of [...this.#open.keys()]) this.#end(this.#lastMs, key, "interrupted");
    this.#pace.record({ atMs: this.#lastMs, rowsDone, workers: 0 });
  }

  /** The coordinators before this one, in order. */
  lived(lives: readonly Life[]): void {
    this.#lives = lives.slice(-MOST_LIVES);
  }

  /** What the coordinators before this one spent on the job. */
  get earlierMs(): number {
    return this.#lives.reduce((sum, { fromMs, toMs }) => sum + Math.max(0, toMs - fromMs), 0);
  }

  /** Right after the core has applied an event. */
  applied(nowMs: number, phase: JobPhase, event: JobEvent, effects: readonly JobEffect[]): void {
    this.#lastMs = nowMs;
    if (event.kind === "workerJoined") this.#workers.joined(nowMs, event.worker, event.name);
    for (const effect of effects) if (effect.kind === "append") this.#recorded(nowMs, effect.record);
    const offered = takenOffer(event, effects);
    if (offered !== null) this.handedIn(nowMs, offered);
    if (event.kind === "workerLost" || event.kind === "workerRefused")
      this.#workers.left(nowMs, event.worker);
    this.#enter(phase, nowMs);
    // What was being verified is nobody's any more.
    if (isEnded(phase)) for (const key of [...this.#open.keys()]) this.#end(nowMs, key, "superseded");
  }

  /** Of the workers that have told of themselves, by name. */
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

  history(measure: Measure): Omit<RunHistory, "dead"> {
    const { beganMs, beganWallMs, sinceMs = beganMs } = this.#options;
    const seconds = (ms: number) => this.#seconds(ms);
    const nowMs = this.#lastMs;
    const lives = [...this.#lives, { fromMs: sinceMs, toMs: nowMs }];
    return {
      began: new Date(beganWallMs).toISOString(),
      seconds: seconds(nowMs),
      ...(lives.length === 1
        ? {}
        : { lives: lives.map(({ fromMs, toMs }) => ({ from: seconds(fromMs), to: seconds(toMs) })) }),
      phases: this.#phases.map(({ phase, fromMs }) => ({ phase, from: seconds(fromMs) })),
      pace: this.#pace.pace(beganMs, measure.samples),
      attempts: this.#attempts,
      backups: this.#backups,
      ends: { ...this.#ends },
      commits: this.#commits,
      revocations: this.#revocations,
      durations: this.#durations.durations,
      slowest: this.#durations.slowest,
      ...this.#workers.told(nowMs, beganMs, measure),
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

  /** Null for an attempt that has ended before: its lease ran out, and its partial came late. */
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
