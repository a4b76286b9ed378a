import type { BarPlot } from "../report/bar-plot.ts";
import { quantile, report, round } from "../report/report.ts";
import type { ProcessSample } from "./process-sample.ts";
import { slope } from "./process-sample.ts";
import type { AreaShare } from "./profile-summary.ts";
import type { ThreadLine, WatchLine } from "./watch-preload.ts";

export interface LoadSample extends ProcessSample {
  readonly atWallSeconds: number;
  readonly committed: number;
}

/** Observations of one load run. */
interface LoadRun {
  readonly options: Readonly<Record<string, unknown>>;
  readonly about: string;
  /** Samples while workers took every available shard. Empty: shards had a fixed duration from the start. */
  readonly flatOut: readonly LoadSample[];
  /** Samples at a lower pace, without queueing. */
  readonly paced: readonly LoadSample[];
  readonly leaseMs: readonly number[];
  /** Lease latencies at full speed. */
  readonly fullLeaseMs: readonly number[];
  /** JavaScript threads of the coordinator, besides its main thread. */
  readonly threads: readonly ThreadLine[];
  /** Committed shards at each measurement of the live heap. */
  readonly live: readonly number[];
  readonly watch: readonly WatchLine[];
  readonly profile: readonly AreaShare[];
  readonly troubles: number;
}

/** Aims: upper bounds for leases and memory, lower bounds for commits. */
const AIMS = { leaseP99Ms: 100, commitsPerSecond: 2_000, cpuMs: 0.6, mainCpuMs: 0.3, rssMiB: 1_024 };

export function reportLoad(run: LoadRun): void {
  const { flatOut, paced, leaseMs, watch, troubles } = run;
  const all = [...flatOut, ...paced];
  const work = figuresOf(flatOut.length > 0 ? flatOut : paced);
  const slow = figuresOf(paced);
  const delays = watch.filter(({ atSeconds }) => isWithin(paced, atSeconds));
  const delayP99 = quantile(
    delays.map(({ loopDelayMs }) => loopDelayMs.p99),
    0.5,
  );
  const live = watch.flatMap(({ liveHeapBytes }) => liveHeapBytes ?? []);
  const committed = all.at(-1)?.committed ?? 0;
  const highest = Math.max(...all.map(({ rssBytes }) => rssBytes)) / 2 ** 20;
  report({
    bench: "load",
    about: run.about,
    options: { ...run.options, committed },
    table: {
      columns: ["figure", "measured", "aim"],
      rows: [
        ["commits a second, at full speed", round(work.rate), String(AIMS.commitsPerSecond)],
        ["coordinator's CPU, ms a commit", round(work.cpuMs), String(AIMS.cpuMs)],
        ["of that its main thread, ms a commit", round(work.mainCpuMs), String(AIMS.mainCpuMs)],
        ...threadRows(flatOut.length > 0 ? flatOut : paced, run.threads),
        ["lease p50, at full speed, ms", round(quantile(run.fullLeaseMs, 0.5)), ""],
        ["lease p99, at full speed, ms", round(quantile(run.fullLeaseMs, 0.99)), ""],
        ["commits a second, paced", round(slow.rate), ""],
        ["coordinator's CPU, paced, ms a commit", round(slow.cpuMs), ""],
        ["lease p50, paced, ms", round(quantile(leaseMs, 0.5)), ""],
        ["lease p90, paced, ms", round(quantile(leaseMs, 0.9)), ""],
        ["lease p99, paced, ms", round(quantile(leaseMs, 0.99)), `below ${AIMS.leaseP99Ms}`],
        ["leases timed", leaseMs.length, ""],
        ["event loop's delay, p99 of a second, paced, ms", round(delayP99), ""],
        ["coordinator's RSS, MiB, highest", round(highest), `below ${AIMS.rssMiB}`],
        ["RSS slope, bytes a commit", Math.round(work.rssSlope / work.rate), ""],
        ["heap without garbage, MiB", round((live.at(-1) ?? Number.NaN) / 2 ** 20), ""],
        ["of that, bytes a commit", Math.round(growthOf(live, run.live)), ""],
        ["steady for, s", round(work.seconds), ""],
        ["connections and sessions lost", troubles, "0"],
        ...run.profile
          .filter(({ share }) => share >= 0.01)
          .map(({ area, share }) => [`main thread: ${area}`, `${round(100 * share)} %`, ""] as const),
      ],
    },
    plot: loadPlot({
      about: run.about,
      leaseMs,
      flatOutRate: flatOut.length > 0 ? work.rate : null,
      pacedRate: slow.rate,
      rssMiB: highest,
    }),
  });
}

interface LoadFigures {
  readonly about: string;
  readonly leaseMs: readonly number[];
  /** Commits a second. Null: shards had a fixed duration from the start. */
  readonly flatOutRate: number | null;
  readonly pacedRate: number;
  readonly rssMiB: number;
}

/** Plots lease latency, commits, and the coordinator's memory. */
export function loadPlot({ about, leaseMs, flatOutRate, pacedRate, rssMiB }: LoadFigures): BarPlot {
  const lease = (label: string, share: number) => ({ label, value: quantile(leaseMs, share) });
  const perSecond = (value: number) => `${Math.round(value).toLocaleString("en")}/s`;
  const flatOut = { label: "flat out", aim: AIMS.commitsPerSecond, tone: 1 } as const;
  return {
    title: "A coordinator under load",
    about: [
      about,
      "The marks are the aims: leases and memory below them, commits above. Each group has its own scale.",
    ],
    groups: [
      {
        title: "lease latency at the pace, ms",
        format: (ms) => `${ms.toFixed(1)} ms`,
        bars: [
          lease("p50", 0.5),
          lease("p90", 0.9),
          { ...lease("p99", 0.99), aim: AIMS.leaseP99Ms },
          lease("highest", 1),
        ],
      },
      {
        title: "commits a second",
        format: perSecond,
        bars: [
          ...(flatOutRate === null ? [] : [{ ...flatOut, value: flatOutRate }]),
          { label: "at the pace", value: pacedRate, tone: 1 },
        ],
      },
      {
        title: "the coordinator's memory (RSS), MiB",
        format: (mebibytes) => `${Math.round(mebibytes)} MiB`,
        bars: [{ label: "highest", value: rssMiB, aim: AIMS.rssMiB, tone: 2 }],
      },
    ],
    scale: "each",
    format: String,
  };
}

/** Returns the growth of the live heap with each commit. */
function growthOf(liveBytes: readonly number[], committed: readonly number[]): number {
  const [from = Number.NaN, to = Number.NaN] = [liveBytes[0], liveBytes.at(-1)];
  const [first = Number.NaN, last = Number.NaN] = [committed[0], committed.at(-1)];
  return (to - from) / (last - first);
}

type Row = readonly [figure: string, measured: string | number, aim: string];

/** Returns the CPU of the threads besides the main thread: by script, and those of V8 and libuv together. */
function threadRows(samples: readonly LoadSample[], threads: readonly ThreadLine[]): Row[] {
  const [first, last] = ends(steadyOf(samples));
  if (first === undefined || last === undefined) return [];
  const scripts = new Map(threads.map(({ tid, script }) => [tid, script]));
  const seconds = new Map<string, number>();
  for (const [tid, until] of last.threads) {
    const script = scripts.get(tid) ?? "threads of V8 and libuv";
    seconds.set(script, (seconds.get(script) ?? 0) + until - (first.threads.get(tid) ?? 0));
  }
  const commits = last.committed - first.committed;
  return [...seconds].map(([script, each]) => [
    `of that ${script}, ms a commit`,
    round((1000 * each) / commits),
    "",
  ]);
}

/** Returns the middle samples, without joining and the last few shards. */
function steadyOf(samples: readonly LoadSample[]): readonly LoadSample[] {
  const [from, to] = [samples[0]?.committed ?? 0, samples.at(-1)?.committed ?? 0];
  return samples.filter(
    ({ committed }) => committed > from + 0.1 * (to - from) && committed < from + 0.95 * (to - from),
  );
}

function ends(samples: readonly LoadSample[]): [LoadSample | undefined, LoadSample | undefined] {
  return [samples[0], samples.at(-1)];
}

function figuresOf(samples: readonly LoadSample[]) {
  const steady = steadyOf(samples);
  const [first, last] = ends(steady);
  if (first === undefined || last === undefined) {
    return { rate: Number.NaN, cpuMs: Number.NaN, mainCpuMs: Number.NaN, rssSlope: Number.NaN, seconds: 0 };
  }
  const commits = last.committed - first.committed;
  const seconds = last.atSeconds - first.atSeconds;
  return {
    rate: commits / seconds,
    cpuMs: (1000 * (last.cpuSeconds - first.cpuSeconds)) / commits,
    mainCpuMs: (1000 * (last.mainCpuSeconds - first.mainCpuSeconds)) / commits,
    /** Growth of RSS in bytes a second. */
    rssSlope: slope(steady.map(({ atSeconds, rssBytes }) => [atSeconds, rssBytes] as const)),
    seconds,
  };
}

function isWithin(samples: readonly LoadSample[], atSeconds: number): boolean {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return false;
  return atSeconds >= first.atWallSeconds && atSeconds <= last.atWallSeconds;
}
