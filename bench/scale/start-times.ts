import type { TableData } from "../../cli/render/table.ts";
import { median, note, round } from "../report.ts";
import type { Workload } from "../workloads/workload.ts";
import { type ObservedRun, observeRun } from "./observed-run.ts";

/** Seconds after the command was started, but for the last two. */
interface StartTimes {
  readonly workerJoined: number;
  readonly lanesReady: number;
  readonly firstRows: number;
  readonly lanesBusy: number;
  /** What the slowest lane needed to load the model. */
  readonly modelLoad: number;
  /** From the command to the moment when all lanes were busy, without the loading. */
  readonly beside: number;
}

/** How long a run takes until every lane is at work, and how much of that is not the loading of the model. */
export async function measureStart(workload: Workload, rounds: number): Promise<TableData> {
  const found: StartTimes[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const startedAtMs = Date.now();
    const times = startTimes(await observeRun({ jobPath: workload.jobPath }), startedAtMs);
    found.push(times);
    note(`round ${round}: all lanes busy after ${times.lanesBusy.toFixed(2)} s`);
  }
  const of = (pick: (times: StartTimes) => number) => round(median(found.map(pick)));
  return {
    columns: ["since the command, s", workload.name, "aim"],
    rows: [
      ["the worker has joined", of((times) => times.workerJoined), ""],
      ["the lanes are ready", of((times) => times.lanesReady), ""],
      ["the first rows are mapped", of((times) => times.firstRows), ""],
      ["all lanes are busy", of((times) => times.lanesBusy), ""],
      ["of that: loading the model", of((times) => times.modelLoad), ""],
      ["of that: everything else", of((times) => times.beside), "1"],
    ],
  };
}

/** From the log's own times: the same clock for all processes of one machine. */
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
