import type { BarPlot } from "../report/bar-plot.ts";
import { median, round } from "../report/report.ts";
import type { WorkloadName } from "../workloads/workload.ts";
import type { Usage } from "./measured-run.ts";

export const OURS = "Shardmill";

/** What one tool needed for one workload. */
export interface Standing {
  readonly workload: WorkloadName;
  readonly tool: string;
  readonly settings: string;
  readonly rows: number;
  /** One a round that went well. */
  readonly runs: readonly Usage[];
  /** What went wrong, where it did. */
  readonly failure: string | null;
  /** How many times as long as Shardmill it should take at least. */
  readonly aim: number;
}

export const STANDING_COLUMNS = [
  "workload",
  "tool",
  "wall s",
  "each round",
  "rows/s",
  "CPU s",
  "peak MiB",
  "times ours",
  "aim",
  "rows equal",
  "settings",
] as const;

/** Medians over the rounds; `times ours` is the wall time over Shardmill's for the same workload. */
export function standingRows(standings: readonly Standing[]): unknown[][] {
  return standings.map(({ workload, tool, settings, rows, runs, failure, aim }) => {
    const wall = wallOf(runs);
    const equal = failure === null ? "yes" : `no: ${failure.slice(0, 50)}`;
    if (runs.length === 0) return [workload, tool, null, "", null, null, null, null, aim, equal, settings];
    return [
      workload,
      tool,
      round(wall),
      runs.map(({ wallSeconds }) => round(wallSeconds)).join(", "),
      Math.round(rows / wall),
      round(median(runs.map(({ cpuSeconds }) => cpuSeconds))),
      Math.round(median(runs.map(({ peakBytes }) => peakBytes)) / 2 ** 20),
      round(wall / oursOf(standings, workload)),
      aim,
      equal,
      settings,
    ];
  });
}

/** Wall seconds by tool, a group a workload, with the aim as a mark. Tools that failed have no bar. */
export function standingsPlot(standings: readonly Standing[]): BarPlot {
  const workloads = [...new Set(standings.map(({ workload }) => workload))];
  return {
    title: "Seconds for the same job",
    about: [
      "Wall time of the whole command, median and range of the rounds; the mark is the aim for Shardmill's peers.",
    ],
    groups: workloads.map((workload) => ({
      title: titleOf(workload, standings),
      bars: standings
        .filter((standing) => standing.workload === workload && standing.runs.length > 0)
        .map(({ tool, runs, aim }) => {
          const walls = runs.map(({ wallSeconds }) => wallSeconds);
          const bar = {
            label: tool,
            value: median(walls),
            range: [Math.min(...walls), Math.max(...walls)],
          } as const;
          const ours = oursOf(standings, workload);
          if (tool === OURS) return { ...bar, tone: 0 };
          return { ...bar, tone: 1, ...(Number.isNaN(ours) ? {} : { aim: aim * ours }) };
        }),
    })),
    scale: "each",
    format: (seconds) => `${seconds.toFixed(1)} s`,
    tones: [OURS, "peers"],
  };
}

function titleOf(workload: WorkloadName, standings: readonly Standing[]): string {
  const rows = standings.find((standing) => standing.workload === workload)?.rows ?? 0;
  return `${workload}, ${rows.toLocaleString("en")} rows`;
}

function oursOf(standings: readonly Standing[], workload: WorkloadName): number {
  const ours = standings.find((other) => other.workload === workload && other.tool === OURS);
  return wallOf(ours?.runs ?? []);
}

function wallOf(runs: readonly Usage[]): number {
  return median(runs.map(({ wallSeconds }) => wallSeconds));
}
