import type { BarPlot } from "../report/bar-plot.ts";
import { median, round } from "../report/report.ts";
import type { WorkloadName } from "../workloads/workload.ts";
import type { Usage } from "./measured-run.ts";

export const OURS = "Shardmill";

/** Result of one tool for one workload. */
export interface RankedTool {
  readonly workload: WorkloadName;
  readonly tool: string;
  readonly settings: string;
  readonly rows: number;
  /** Usage of the successful rounds. */
  readonly runs: readonly Usage[];
  /** Error of a failed round. Null: none. */
  readonly failure: string | null;
  /** Aim: its least time as a multiple of Shardmill's. */
  readonly aim: number;
}

export const RANKING_COLUMNS = [
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

/** Returns medians over the rounds. `times ours`: wall time divided by Shardmill's for the same workload. */
export function rankingRows(ranking: readonly RankedTool[]): unknown[][] {
  return ranking.map(({ workload, tool, settings, rows, runs, failure, aim }) => {
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
      round(wall / oursOf(ranking, workload)),
      aim,
      equal,
      settings,
    ];
  });
}

/** Plots wall seconds by tool, one group a workload, with the aim as a mark. Failed tools have no bar. */
export function rankingPlot(ranking: readonly RankedTool[]): BarPlot {
  const workloads = [...new Set(ranking.map(({ workload }) => workload))];
  return {
    title: "Seconds for the same job",
    about: [
      "Wall time of the whole command, median and range of the rounds; the mark is the aim for Shardmill's peers.",
    ],
    groups: workloads.map((workload) => ({
      title: titleOf(workload, ranking),
      bars: ranking
        .filter((ranked) => ranked.workload === workload && ranked.runs.length > 0)
        .map(({ tool, runs, aim }) => {
          const walls = runs.map(({ wallSeconds }) => wallSeconds);
          const bar = {
            label: tool,
            value: median(walls),
            range: [Math.min(...walls), Math.max(...walls)],
          } as const;
          const ours = oursOf(ranking, workload);
          if (tool === OURS) return { ...bar, tone: 0 };
          return { ...bar, tone: 1, ...(Number.isNaN(ours) ? {} : { aim: aim * ours }) };
        }),
    })),
    scale: "each",
    format: (seconds) => `${seconds.toFixed(1)} s`,
    tones: [OURS, "peers"],
  };
}

function titleOf(workload: WorkloadName, ranking: readonly RankedTool[]): string {
  const rows = ranking.find((ranked) => ranked.workload === workload)?.rows ?? 0;
  return `${workload}, ${rows.toLocaleString("en")} rows`;
}

function oursOf(ranking: readonly RankedTool[], workload: WorkloadName): number {
  const ours = ranking.find((other) => other.workload === workload && other.tool === OURS);
  return wallOf(ours?.runs ?? []);
}

function wallOf(runs: readonly Usage[]): number {
  return median(runs.map(({ wallSeconds }) => wallSeconds));
}
