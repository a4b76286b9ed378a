import type { Clock } from "../../shared/core/clock.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import { NO_VERDICT, type RunVerdict } from "../../shared/domain/bottleneck.ts";
import { type Fetching, sumOfFetching } from "../../shared/domain/fetching.ts";
import type { JobPrecision } from "../../shared/domain/precision.ts";
import type { RunFacts } from "../../shared/domain/run-facts.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import type { StageShares, WorkerInfo, WorkerSession } from "../../shared/domain/worker.ts";
import { excludedUntilMs } from "../schedule/policy/exclusion.ts";
import type { JobState, WorkerEntry } from "../schedule/state/job-state.ts";
import { jobProgress } from "../schedule/state/progress.ts";
import { adviceFor } from "./advice.ts";
import { findBottleneck, type WorkerDoing } from "./bottleneck.ts";
import { DeviceReports } from "./device-reports.ts";
import { PaceMeter } from "./pace-meter.ts";
import { type LoopTime, RunMeter, type WorkerSample } from "./run-meter.ts";
import type { StoreWatch } from "./store-watch.ts";

/** What a worker last reported, as far as a verdict needs it. */
export interface WorkerReport {
  readonly busy: StageShares;
  /** Null when no rows of uneven length ran since its report before. */
  readonly padding: number | null;
  /** Null before the first batch of a job. */
  readonly batch: BatchInUse | null;
  /** Null when it fetches no model. */
  readonly fetching: Fetching | null;
  readonly device: WorkerInfo["device"];
}

export interface RunWatchOptions {
  /** Read here, never changed. */
  readonly state: () => JobState;
  readonly clock: Clock;
  /** Null for a model as it came. */
  readonly precision: JobPrecision | null;
  /** Null for a worker that is not known (any more). */
  readonly reportOf: (session: WorkerSession) => WorkerReport | null;
  /** Of the thread that this runs in. */
  readonly loopTime: () => LoopTime;
  readonly stores: StoreWatch;
}

/**
 * Watches where the time of one job's run goes on this coordinator, and says what limits it. Looked at each
 * second, whenever the phase changes, and with the first rows; a look visits every worker.
 */
export class RunWatch {
  /** How the devices of its workers compare with the CPU. */
  readonly devices = new DeviceReports();
  readonly #options: RunWatchOptions;
  readonly #meter = new RunMeter();
  readonly #pace: PaceMeter;
  /** Workers that have handed in rows or reported some. */
  readonly #started = new Set<WorkerSession>();
  #hasShares = false;
  #mostSlots = 0;
  #mostWorkers = 0;
  #device: WorkerInfo["device"] | null = null;
  #batch: BatchInUse | null = null;
  /** As of the last look. */
  #fetching: Fetching | null = null;

  constructor(options: RunWatchOptions) {
    this.#options = options;
    this.#pace = new PaceMeter(options.clock.nowMs(), jobProgress(options.state()));
  }

  /** The worker has rows: until the first of them it was starting. */
  noteRows(session: WorkerSession): void {
    // Only until one has reported its shares: a look visits every worker, and thousands may start at once.
    const isFirst = !this.#hasShares;
    if (isFirst) this.look();
    this.#started.add(session);
    if (!isFirst) return;
    this.look();
    this.#hasShares = Object.keys(this.#options.reportOf(session)?.busy ?? {}).length > 0;
  }

  /** A worker asked more of stores. */
  noteStores(counts: readonly StoreCounts[]): void {
    this.#options.stores.add(counts);
  }

  look(): void {
    const { clock, loopTime } = this.#options;
    const state = this.#options.state();
    const members = [...state.workers.values()];
    this.#mostWorkers = Math.max(this.#mostWorkers, members.length);
    this.#mostSlots = Math.max(
      this.#mostSlots,
      members.reduce((slots, worker) => slots + worker.slots, 0),
    );
    this.#options.stores.look(clock.nowMs());
    this.#fetching = sumOfFetching(members.flatMap((worker) => this.#fetchingOf(worker)));
    this.#meter.record(clock.nowMs(), {
      phase: state.phase.kind === "running" || state.phase.kind === "planning" ? "map" : "reduce",
      workers: members.flatMap((worker) => this.#sampleOf(state, worker)),
      loop: loopTime(),
    });
  }

  /** What {@link facts} takes for the rate of the last seconds. */
  recordPace(): void {
    this.#pace.record(this.#options.clock.nowMs(), jobProgress(this.#options.state()));
  }

  /** All that is known of the run at `nowMs`: over the last seconds (`now`), or over all of it. */
  facts(over: "run" | "now", nowMs = this.#options.clock.nowMs()): RunFacts {
    const progress = jobProgress(this.#options.state());
    return {
      ...progress,
      ...this.#pace.pace(over, nowMs, progress),
      ...this.verdict(over),
      precision: this.#options.precision,
      devices: this.devices.all,
      stores: this.#options.stores.all(),
      fetching: this.#fetching,
    };
  }

  /** Over the last seconds (`now`), or over the whole run up to the last look. */
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
      device: this.#device,
      precision: this.#options.precision?.precision ?? ("original" as const),
      stores: this.#options.stores.rates(over),
    };
    return { bottleneck, stages: usage.stages, padding, batch, advice: adviceFor(bottleneck, facts) };
  }

  /** Nothing for a worker that is excluded: that it waits is nobody's shortage. */
  #sampleOf(state: JobState, worker: WorkerEntry): WorkerSample[] {
    const doing = this.#doingOf(state, worker);
    if (doing === null) return [];
    const report = this.#options.reportOf(worker.session);
    this.#device = report?.device ?? this.#device;
    this.#batch = report?.batch ?? this.#batch;
    return [{ doing, busy: report?.busy ?? {}, padding: report?.padding ?? null }];
  }

  /** One that has rows fetches for another job. */
  #fetchingOf({ session }: WorkerEntry): readonly Fetching[] {
    const fetching = this.#started.has(session) ? null : this.#options.reportOf(session)?.fetching;
    return fetching == null ? [] : [fetching];
  }

  #doingOf(state: JobState, worker: WorkerEntry): WorkerDoing | null {
    if (!this.#started.has(worker.session)) return "starting";
    if (worker.leases.size > 0) return "working";
    const { pending, leased, committing } = state.counts;
    if (excludedUntilMs(state, worker.name, this.#options.clock.nowMs()) !== null) return null;
    // Shards that back off after a failure are not to be had yet.
    if (pending > state.queue.backingOff.size) return "awaitingCoordinator";
    return leased === 0 && committing > 0 ? "awaitingCoordinator" : "awaitingShards";
  }
}

/** To a thousandth: more would be noise, in files that people read. */
function rounded(stages: StageShares): StageShares {
  return Object.fromEntries(
    Object.entries(stages).map(([stage, share]) => [stage, Math.round(share * 1e3) / 1e3]),
  );
}
