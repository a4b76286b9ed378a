import { STAGES, type Stage, type StageShares } from "../../shared/domain/worker.ts";
import type { RunUsage, WorkerDoing } from "./bottleneck.ts";

/** State of a worker at one moment. */
export interface WorkerSample {
  readonly doing: WorkerDoing;
  /** Shares of the last report. Empty before the first one. */
  readonly busy: StageShares;
  readonly padding: number | null;
}

/** State of a run at one moment. */
export interface RunSample {
  /** `idle`: the job is paused, or its workers serve other jobs. */
  readonly phase: "map" | "reduce" | "idle";
  readonly workers: readonly WorkerSample[];
  /** Time of the coordinator's thread, since a fixed moment. */
  readonly loop: LoopTime;
}

/** Busy and idle time of an event loop. */
export interface LoopTime {
  readonly activeMs: number;
  readonly idleMs: number;
}

/** Time usage of a run, without the facts of its plan. */
type MeteredUsage = Omit<RunUsage, "shards" | "slots"> & { readonly padding: number | null };

type Part =
  | Stage
  | WorkerDoing
  | "absent"
  | "map"
  | "reduce"
  /** Worker time with reported busy shares. */
  | "reported"
  | "padded"
  /** Worker time with reported padding. */
  | "paddingReported"
  | "loopActive"
  | "loopIdle";

/** Milliseconds of each part. */
type Parts = Readonly<Partial<Record<Part, number>>>;

/** Span of a verdict for `now`. It smooths single shards, and still follows changes. */
const WINDOW_MS = 15_000;

/**
 * Adds up a run's time from samples. Half of the time between two samples counts as the first, and half as
 * the second. So with many samples, changes are counted at the right time on average. The caller passes the
 * time.
 */
export class RunMeter {
  #last: { readonly atMs: number; readonly sample: RunSample } | null = null;
  #total: Parts = {};
  readonly #history: { readonly atMs: number; readonly total: Parts }[] = [];

  record(atMs: number, sample: RunSample): void {
    const last = this.#last;
    this.#last = { atMs, sample };
    if (last !== null && atMs > last.atMs) {
      const spanMs = atMs - last.atMs;
      // A change of phase happens at a sample: all time before it belongs to the previous phase.
      const after = sample.phase === last.sample.phase ? sample : last.sample;
      const halves = [partsOf(last.sample, spanMs / 2), partsOf(after, spanMs / 2)];
      const loop = {
        loopActive: sample.loop.activeMs - last.sample.loop.activeMs,
        loopIdle: sample.loop.idleMs - last.sample.loop.idleMs,
      };
      this.#total = [...halves, loop].reduce(added, this.#total);
    }
    this.#history.push({ atMs, total: this.#total });
    while (this.#history.length > 2 && atMs - (this.#history[1]?.atMs ?? atMs) > WINDOW_MS)
      this.#history.shift();
  }

  /** Returns the usage over the whole run until the last sample, or over the last seconds. */
  usage(over: "run" | "now"): MeteredUsage {
    const before = over === "run" ? {} : (this.#history[0]?.total ?? {});
    const part = (name: Part) => (this.#total[name] ?? 0) - (before[name] ?? 0);
    const reportedMs = part("reported");
    const loopMs = part("loopActive") + part("loopIdle");
    const shares = STAGES.map((stage) => [stage, reportedMs > 0 ? part(stage) / reportedMs : 0] as const);
    return {
      mapMs: part("map"),
      reduceMs: part("reduce"),
      absentMs: part("absent"),
      doingMs: {
        starting: part("starting"),
        working: part("working"),
        awaitingCoordinator: part("awaitingCoordinator"),
        awaitingShards: part("awaitingShards"),
      },
      stages: reportedMs > 0 ? Object.fromEntries(shares) : {},
      padding: part("paddingReported") > 0 ? part("padded") / part("paddingReported") : null,
      loopShare: loopMs > 0 ? part("loopActive") / loopMs : null,
    };
  }
}

function partsOf({ phase, workers }: RunSample, ms: number): Parts {
  if (phase === "reduce") return { reduce: ms };
  if (phase === "idle") return {};
  const parts: Partial<Record<Part, number>> = { map: ms };
  const add = (part: Part, more: number) => {
    parts[part] = (parts[part] ?? 0) + more;
  };
  if (workers.length === 0) add("absent", ms);
  for (const { doing, busy, padding } of workers) {
    add(doing, ms);
    if (doing === "starting" || Object.keys(busy).length === 0) continue;
    add("reported", ms);
    for (const stage of STAGES) add(stage, Math.min(1, busy[stage] ?? 0) * ms);
    if (padding === null) continue;
    add("paddingReported", ms);
    add("padded", padding * ms);
  }
  return parts;
}

function added(a: Parts, b: Parts): Parts {
  const sum: Partial<Record<Part, number>> = { ...a };
  for (const [part, ms] of Object.entries(b) as [Part, number][]) sum[part] = (sum[part] ?? 0) + ms;
  return sum;
}
