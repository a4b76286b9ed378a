import type { Clock } from "../../shared/core/clock.ts";
import type { ShardmillError } from "../../shared/core/errors.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import { NO_VERDICT, type RunVerdict } from "../../shared/domain/bottleneck.ts";
import type { JobConversion } from "../../shared/domain/conversion.ts";
import type { EndProgress } from "../../shared/domain/end-progress.ts";
import { type Fetching, sumOfFetching } from "../../shared/domain/fetching.ts";
import { isEnded } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { DeadLetter } from "../../shared/domain/partial.ts";
import type { RunFacts } from "../../shared/domain/run-facts.ts";
import type { DeadLetterReason, RunHistory } from "../../shared/domain/run-history.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import { type StoreWaiting, storeWaiting } from "../../shared/domain/store-waiting.ts";
import type { StageShares, WorkerInfo, WorkerSession } from "../../shared/domain/worker.ts";
import { excludedUntilMs } from "../schedule/policy/exclusion.ts";
import type { JobEffect } from "../schedule/state/effect.ts";
import type { JobEvent } from "../schedule/state/event.ts";
import { isPaused, type JobState, type WorkerEntry } from "../schedule/state/job-state.ts";
import { committedPartials, jobProgress, poisonedRows } from "../schedule/state/progress.ts";
import { adviceFor } from "./advice.ts";
import { findBottleneck, type WorkerDoing } from "./bottleneck.ts";
import { DeviceReports } from "./device-reports.ts";
import { PaceMeter } from "./pace-meter.ts";
import { type EarlierRun, recallRun } from "./recall-run.ts";
import { KEPT_MEASURE, type RunMemory } from "./run-memory.ts";
import { type LoopTime, RunMeter, type RunSample, type WorkerSample } from "./run-meter.ts";
import { shardCells } from "./shard-cells.ts";
import { packMap } from "./shard-map.ts";
import type { StoreWatch } from "./store-watch.ts";
import { TaskWatch, workersOfTasks } from "./task-watch.ts";
import type { WorkerLook } from "./worker-memory.ts";

/** Part of a worker's last report that a verdict needs. */
export interface WorkerReport {
  readonly busy: StageShares;
  /** Null: no rows of uneven length ran since the previous report. */
  readonly padding: number | null;
  /** Null before the first batch of a job. */
  readonly batch: BatchInUse | null;
  /** Null: no model is being downloaded. */
  readonly fetching: Fetching | null;
  readonly device: WorkerInfo["device"];
  /** Job of the worker's newest shard. Null before its first one. */
  readonly jobId: JobId | null;
}

export interface RunWatchOptions {
  /** Returns the state, which is only read here. */
  readonly state: () => JobState;
  readonly clock: Clock;
  /** Time at which the coordinator received the job, by `clock`. */
  readonly beganMs: number;
  readonly conversion: JobConversion | null;
  /** Returns the last report of a worker. Null: the worker is unknown, or no longer known. */
  readonly reportOf: (session: WorkerSession) => WorkerReport | null;
  /** Returns the busy time of the thread that this runs in. */
  readonly loopTime: () => LoopTime;
  readonly stores: StoreWatch;
  /** Data of earlier coordinators. Default: none. */
  readonly earlier?: EarlierRun;
}

/**
 * Most workers with rows that trigger a sample before the first one has reported shares. A sample visits
 * every worker. Thousands may start at once, or never report shares.
 */
const MOST_EARLY = 16;
/** Limit of kinds of failures. Users read no more. */
const MOST_REASONS = 20;
/** Limit of a message, which may quote a row: files that users share show it. */
const MOST_CHARS = 300;

/**
 * Measures how one job's run spends its time on this coordinator, and reports what limits it. Samples every
 * second, at each change of phase, and at the first rows. A sample visits every worker.
 */
export class RunWatch {
  /** Device checks of the job's workers. */
  readonly devices = new DeviceReports();
  /** History of the run, for the page and the report. */
  readonly memory: RunMemory;
  /** Tasks of reductions by key, which workers run. */
  readonly tasks = new TaskWatch();
  /** Progress of staging the output. Null: no output is being staged. */
  endProgress: EndProgress | null = null;
  readonly #options: RunWatchOptions;
  readonly #meter = new RunMeter();
  readonly #pace: PaceMeter;
  /** Workers that have returned or reported rows. */
  readonly #started = new Set<WorkerSession>();
  #hasShares = false;
  #mostSlots = 0;
  #mostWorkers = 0;
  #device: WorkerInfo["device"] | null = null;
  #batch: BatchInUse | null = null;
  /** Downloads as of the last sample. */
  #fetching: Fetching | null = null;
  #partialsWait: { readonly error: ShardmillError; readonly sinceMs: number } | null = null;

  constructor(options: RunWatchOptions) {
    this.#options = options;
    const { clock, beganMs, state, earlier = { remembered: null, records: [] } } = options;
    const found = jobProgress(state());
    const beganWallMs = clock.wallMs() - (clock.nowMs() - beganMs);
    this.memory = recallRun({ beganMs, beganWallMs }, earlier);
    this.#pace = new PaceMeter(clock.nowMs(), found, this.memory.earlierMs);
  }

  /** Adds an event that the core has applied. */
  applied(event: JobEvent, effects: readonly JobEffect[]): void {
    const { clock, state } = this.#options;
    this.memory.applied(clock.nowMs(), state().phase.kind, event, effects);
  }

  /** Notes that a worker has rows. Until its first rows, the worker counts as starting. */
  noteRows(session: WorkerSession): void {
    if (this.#hasShares) {
      this.#started.add(session);
      return;
    }
    const isEarly = !this.#started.has(session) && this.#started.size < MOST_EARLY;
    if (isEarly) this.look();
    this.#started.add(session);
    this.#hasShares = Object.keys(this.#options.reportOf(session)?.busy ?? {}).length > 0;
    if (isEarly || this.#hasShares) this.look();
  }

  /** Adds store requests that a worker reports. */
  noteStores(counts: readonly StoreCounts[]): void {
    this.#options.stores.add(counts);
  }

  /** Notes the store error that delays the verification of partials. Null: the delay is over. */
  notePartialsWait(error: ShardmillError | null): void {
    const sinceMs = this.#partialsWait?.sinceMs ?? this.#options.clock.nowMs();
    this.#partialsWait = error === null ? null : { error, sinceMs };
  }

  look(): void {
    const { clock, loopTime } = this.#options;
    const state = this.#options.state();
    const members = this.#here(state);
    this.#mostWorkers = Math.max(this.#mostWorkers, members.length);
    const slots = members.reduce((sum, worker) => sum + worker.slots, 0);
    this.#mostSlots = Math.max(this.#mostSlots, slots);
    this.#options.stores.look(clock.nowMs());
    this.#fetching = sumOfFetching(members.flatMap((worker) => this.#fetchingOf(worker)));
    this.#meter.record(clock.nowMs(), {
      phase: phaseOf(state, members.length),
      workers: members.flatMap((worker) => this.#sampleOf(state, worker)),
      loop: loopTime(),
    });
    const looks = members.flatMap((worker) => this.#lookAt(worker));
    this.memory.look(clock.nowMs(), jobProgress(state), new Map(looks));
  }

  /** Adds a sample of the rate over the last minute, which {@link facts} returns. */
  recordPace(): void {
    this.#pace.record(this.#options.clock.nowMs(), jobProgress(this.#options.state()));
  }

  /** Returns all facts of the run at `nowMs`: over the last seconds (`now`), or over the whole run. */
  facts(over: "run" | "now", nowMs = this.#options.clock.nowMs()): RunFacts {
    const state = this.#options.state();
    const progress = jobProgress(state);
    const tasks = this.tasks.all();
    return {
      ...progress,
      workers: Math.max(this.#here(state).length, ...workersOfTasks(state, tasks)),
      ...this.#pace.pace(over, nowMs, progress),
      ...this.verdict(over),
      conversion: this.#options.conversion,
      devices: this.devices.all,
      stores: this.#options.stores.all(),
      fetching: this.#fetching,
      waiting: this.#waiting(state, nowMs),
      tasks,
      endProgress: isEnded(progress.phase) ? null : this.endProgress,
    };
  }

  #waiting({ phase, storeWait }: JobState, nowMs: number): StoreWaiting | null {
    if (phase.kind !== "running") return null;
    if (storeWait !== null) return storeWaiting(storeWait.reason, storeWait.sinceMs, nowMs);
    const partials = this.#partialsWait;
    return partials === null ? null : storeWaiting(partials.error, partials.sinceMs, nowMs);
  }

  /** Returns the history without the shard map. A page requests it repeatedly while the job runs. */
  history(): RunHistory {
    return { ...this.memory.history(KEPT_MEASURE), deadLetters: deadLetterReasons(this.#options.state()) };
  }

  /** Returns the history that the manifest and ended jobs keep, with the shard map. */
  record(): RunHistory {
    return { ...this.history(), map: packMap(shardCells(this.#options.state())) };
  }

  /** Returns the verdict over the last seconds (`now`), or over the whole run until the last sample. */
  verdict(over: "run" | "now"): RunVerdict {
    const { padding, ...metered } = this.#meter.usage(over);
    const state = this.#options.state();
    const { shardsTotal: shards, rowsTotal: rows } = jobProgress(state);
    const usage = { ...metered, stages: rounded(metered.stages), shards, slots: this.#mostSlots };
    const bottleneck = findBottleneck(usage);
    const batch = this.#batch;
    if (bottleneck === null) return { ...NO_VERDICT, stages: usage.stages, padding, batch };
    const facts = {
      usage,
      rows,
      files: state.files.length,
      padding,
      batch,
      workers: this.#mostWorkers,
      workersHere: state.phase.kind === "running" && !isPaused(state) ? this.#here(state).length : null,
      device: this.#device,
      isConverted: this.#options.conversion !== null,
      stores: this.#options.stores.rates(over),
      tasks: this.tasks.all(),
    };
    return { bottleneck, stages: usage.stages, padding, batch, advice: adviceFor(bottleneck, facts) };
  }

  /**
   * Returns the workers that work for this job, or wait for its shards. A worker serves one job at a time.
   */
  #here(state: JobState): WorkerEntry[] {
    const isOver = isEnded(state.phase.kind);
    return [...state.workers.values()].filter(({ session, leases }) => {
      if (leases.size > 0 || isOver) return true;
      const servedId = this.#options.reportOf(session)?.jobId ?? null;
      return !isPaused(state) && (servedId === null || servedId === state.accepted?.jobId);
    });
  }

  /** Returns the sample of a worker. Empty for an excluded worker, whose waiting shows no shortage. */
  #sampleOf(state: JobState, worker: WorkerEntry): WorkerSample[] {
    const doing = this.#doingOf(state, worker);
    if (doing === null) return [];
    const report = this.#options.reportOf(worker.session);
    this.#device = report?.device ?? this.#device;
    this.#batch = report?.batch ?? this.#batch;
    return [{ doing, busy: report?.busy ?? {}, padding: report?.padding ?? null }];
  }

  /** Returns the shares of a worker. Empty for one whose shares are of an earlier job. */
  #lookAt({ session, name }: WorkerEntry): readonly (readonly [string, WorkerLook])[] {
    const report = this.#started.has(session) ? this.#options.reportOf(session) : null;
    if (report === null) return [];
    const { busy, padding, batch, device } = report;
    return [[name, { busy, padding, batchRows: batch?.rows ?? null, device }]];
  }

  /** Returns the download of a worker. A worker that has rows downloads for another job. */
  #fetchingOf({ session }: WorkerEntry): readonly Fetching[] {
    const fetching = this.#started.has(session) ? null : this.#options.reportOf(session)?.fetching;
    return fetching == null ? [] : [fetching];
  }

  #doingOf(state: JobState, worker: WorkerEntry): WorkerDoing | null {
    if (!this.#started.has(worker.session)) return "starting";
    if (worker.leases.size > 0) return "working";
    const { pending, leased, committing } = state.counts;
    if (excludedUntilMs(state, worker.name, this.#options.clock.nowMs()) !== null) return null;
    // Shards in their back-off after a failure are not available yet.
    if (pending > state.queue.backingOff.size) return "awaitingCoordinator";
    return leased === 0 && committing > 0 ? "awaitingCoordinator" : "awaitingShards";
  }
}

/** Returns the phase of a sample. A job that is paused, or waits for its turn, is idle. */
function phaseOf(state: JobState, workersHere: number): RunSample["phase"] {
  if (state.phase.kind !== "running" && state.phase.kind !== "planning") return "reduce";
  return workersHere === 0 && (state.workers.size > 0 || isPaused(state)) ? "idle" : "map";
}

/** Rounds to a thousandth. More digits would be noise in files that users read. */
function rounded(stages: StageShares): StageShares {
  return Object.fromEntries(
    Object.entries(stages).map(([stage, share]) => [stage, Math.round(share * 1e3) / 1e3]),
  );
}

/** Returns the reasons of dead letters. Visits every shard if there are any. */
function deadLetterReasons(state: JobState): readonly DeadLetterReason[] {
  if (state.totals.deadLetters === 0) return [];
  const reasons = new Map<string, DeadLetterReason>();
  const add = (letter: DeadLetter) => {
    const key = `${letter.stage} ${letter.code}`;
    const known = reasons.get(key);
    const first = { ...letter, message: letter.message.slice(0, MOST_CHARS), shards: 0 };
    reasons.set(key, { ...(known ?? first), shards: (known?.shards ?? 0) + 1 });
  };
  for (const { firstDeadLetter } of committedPartials(state))
    if (firstDeadLetter !== null) add(firstDeadLetter);
  for (const letter of poisonedRows(state)) add(letter);
  return [...reasons.values()].sort((a, b) => b.shards - a.shards).slice(0, MOST_REASONS);
}
