import { STAGES, type Stage, type StageShares } from "../../shared/domain/worker.ts";
import type { RunUsage, WorkerDoing } from "./bottleneck.ts";

/** A worker at a moment. */
export interface WorkerSample {
  readonly doing: WorkerDoing;
  /** As it last reported; empty before its first report. */
  readonly busy: StageShares;
  readonly padding: number | null;
}

/** A run at a moment. */
export interface RunSample {
  /** `idle`: it is paused, or its workers are at other jobs. */
  readonly phase: "map" | "reduce" | "idle";
  readonly workers: readonly WorkerSample[];
  /** Of the coordinator's thread, since any fixed moment. */
  readonly loop: LoopTime;
}

/** How long an event loop was at work, and how long it was idle. */
export interface LoopTime {
  readonly activeMs: number;
  readonly idleMs: number;
}

/** What is known of a run's time, without what is known of its plan. */
type MeteredUsage = Omit<RunUsage, "shards" | "slots"> & { readonly padding: number | null };

type Part =
  | Stage
  | WorkerDoing
  | "absent"
  | "map"
  | "reduce"
  /** Worker time with busy shares. */
  | "reported"
  | "padded"
  /** Worker time in which padding was reported. */
  | "paddingReported"
  | "loopActive"
  | "loopIdle";

/** Milliseconds of each part. */
type Parts = Readonly<Partial<Record<Part, number>>>;

/** Span of a verdict over the last seconds: smooths single shards, and follows changes. */
const WINDOW_MS = 15_000;

/**
 * Adds up where a run's time goes, from samples of it. The time between two samples counts half as the first
 * and half as the second, so that with many samples no change is counted too early or too late. Pure: time
 * comes in with each call.
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
      // The phase changes at a sample: the time before it was all spent in the one before.
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

  /** Over the whole run up to the last sample, or over the last seconds of it. */
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
