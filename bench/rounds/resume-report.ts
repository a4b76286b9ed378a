import type { TableData } from "../../shared/terminal/table.ts";
import type { BarPlot } from "../report/bar-plot.ts";
import { round } from "../report/report.ts";

/** Job whose coordinator was killed and restarted. */
export interface ResumedKill {
  /** Shards under a lease at the kill. */
  readonly inFlight: number;
  /** Shards executed more than once, counted by attempts. */
  readonly again: number;
  readonly backSeconds: number;
}

/** Medians of the rounds. */
export interface TimedReplay {
  readonly readMs: number;
  readonly foldMs: number;
  readonly cpuMs: number;
  readonly records: number;
  readonly mebibytes: number;
}

const REPLAY_AIM_SECONDS = 2;

export function resumeTable(
  kills: readonly ResumedKill[],
  { readMs, foldMs, cpuMs }: TimedReplay,
): TableData {
  return {
    columns: ["figure", "measured", "aim"],
    rows: [
      ...kills.flatMap(({ inFlight, again, backSeconds }, index) => [
        [`shards executed again, round ${index + 1}`, again, `${inFlight} were in flight`],
        [`s until the coordinator is back, round ${index + 1}`, round(backSeconds), ""],
      ]),
      ["replay, s: journal read and checked", round(readMs / 1000), ""],
      ["replay, s: folded to the job's state", round(foldMs / 1000), ""],
      ["replay, s: together", round((readMs + foldMs) / 1000), `below ${REPLAY_AIM_SECONDS}`],
      ["replay, s of CPU", round(cpuMs / 1000), ""],
    ],
  };
}

/** Plots the cost of each kill, one bar a round, and the parts of a replay. */
export function resumePlot(
  kills: readonly ResumedKill[],
  { readMs, foldMs }: TimedReplay,
  replayShards: number,
): BarPlot {
  const seconds = (value: number) => `${value.toFixed(2)} s`;
  const label = (index: number) => `round ${index + 1}`;
  return {
    title: "kill -9 of the coordinator",
    about: [
      `The marks are the aims: no more shards again than were in flight, and a replay below ${REPLAY_AIM_SECONDS} s. Each group has its own scale.`,
    ],
    groups: [
      {
        title: "shards executed again (mark: those in flight)",
        format: String,
        bars: kills.map(({ again, inFlight }, index) => ({
          label: label(index),
          value: again,
          aim: inFlight,
        })),
      },
      {
        title: "seconds until the coordinator is back",
        bars: kills.map(({ backSeconds }, index) => ({ label: label(index), value: backSeconds, tone: 1 })),
      },
      {
        title: `seconds to replay the journal of ${replayShards.toLocaleString("en")} shards`,
        bars: [
          { label: "read and checked", value: readMs / 1000, tone: 1 },
          { label: "folded to the job's state", value: foldMs / 1000, tone: 1 },
          { label: "together", value: (readMs + foldMs) / 1000, aim: REPLAY_AIM_SECONDS },
        ],
      },
    ],
    scale: "each",
    format: seconds,
  };
}
