import type { TableData } from "../../shared/terminal/table.ts";
import type { BarPlot } from "../report/bar-plot.ts";
import { median, note, round } from "../report/report.ts";
import { roundsBar } from "../report/rounds-bar.ts";
import type { Workload } from "../workloads/workload.ts";
import { type ObservedRun, observeRun } from "./observed-run.ts";

/** Seconds after the command's start. The last two are durations. */
interface StartTimes {
  readonly workerJoined: number;
  readonly lanesReady: number;
  readonly firstRows: number;
  readonly lanesBusy: number;
  /** Time of the slowest lane to load the model. */
  readonly modelLoad: number;
  /** Seconds from the command until all lanes were busy, without the loading. */
  readonly beside: number;
}

/** Moments in their order. */
const MOMENTS = [
  ["the worker has joined", "workerJoined"],
  ["the lanes are ready", "lanesReady"],
  ["the first rows are mapped", "firstRows"],
  ["all lanes are busy", "lanesBusy"],
] as const satisfies readonly (readonly [label: string, key: keyof StartTimes])[];

const PARTS = [
  ["loading the model", "modelLoad"],
  ["everything else", "beside"],
] as const satisfies readonly (readonly [label: string, key: keyof StartTimes])[];

const BESIDE_AIM_SECONDS = 1;

/** Measures the time until every lane works, and the part that is not loading of the model. */
export async function measureStart(workload: Workload, rounds: number): Promise<StartTimes[]> {
  const found: StartTimes[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const startedAtMs = Date.now();
    const times = startTimes(await observeRun({ jobPath: workload.jobPath }), startedAtMs);
    found.push(times);
    note(`round ${round}: all lanes busy after ${times.lanesBusy.toFixed(2)} s`);
  }
  return found;
}

export function startTable(workload: string, found: readonly StartTimes[]): TableData {
  const of = (key: keyof StartTimes) => round(median(found.map((times) => times[key])));
  return {
    columns: ["since the command, s", workload, "aim"],
    rows: [
      ...MOMENTS.map(([label, key]) => [label, of(key), ""]),
      ...PARTS.map(([label, key]) => [
        `of that: ${label}`,
        of(key),
        key === "beside" ? String(BESIDE_AIM_SECONDS) : "",
      ]),
    ],
  };
}

/** Plots the moments of the start, and the parts of the whole. */
export function startPlot(workload: string, found: readonly StartTimes[]): BarPlot {
  const bar = (label: string, key: keyof StartTimes) =>
    roundsBar(
      label,
      found.map((times) => times[key]),
    );
  return {
    title: `The start of a run of ${workload}`,
    about: [
      `Seconds from the command on, median and range of the rounds; the mark is the aim: ${BESIDE_AIM_SECONDS} s beside the loading of the model.`,
    ],
    groups: [
      { title: "seconds until", bars: MOMENTS.map(([label, key]) => bar(label, key)) },
      {
        title: "seconds of that, until all lanes are busy",
        bars: PARTS.map(([label, key]) => ({
          ...bar(label, key),
          tone: 1,
          ...(key === "beside" ? { aim: BESIDE_AIM_SECONDS } : {}),
        })),
      },
    ],
    scale: "shared",
    format: (seconds) => `${seconds.toFixed(2)} s`,
  };
}

/** Reads the times from the log: all processes of one machine share its clock. */
function startTimes({ log }: ObservedRun, startedAtMs: number): StartTimes {
  const line = (text: string) => {
    const found = log.find(({ msg }) => msg === text);
    if (found === undefined) throw new Error(`the log does not say "${text}"`);
    return found;
  };
  const since = (text: string) => (Number(line(text).time) - startedAtMs) / 1000;
  const modelLoad = Number(line("lanes ready").loadMs) / 1000;
  const lanesBusy = since("all lanes busy");
  return {
    workerJoined: since("worker joined"),
    lanesReady: since("lanes ready"),
    firstRows: since("first rows mapped"),
    lanesBusy,
    modelLoad,
    beside: lanesBusy - modelLoad,
  };
}
