import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { manifestOf } from "../report/manifest-of.ts";
import { median, note } from "../report/report.ts";
import { isPrepared } from "../workloads/recipe.ts";
import type { Workload } from "../workloads/workload.ts";
import { batchingText, findBatching } from "./find-batching.ts";
import type { LoopBatching } from "./loop-rows.ts";
import { LoopThreads } from "./loop-threads.ts";
import type { LoopOptions } from "./loop-work.ts";
import { addedUp } from "./steady-rate.ts";
import { outputFolder, type SteadyRun, steadyRun } from "./steady-run.ts";

interface CeilingOptions {
  readonly rounds: number;
  /** Seconds of each loop in a round. */
  readonly seconds: number;
  /** Overrides of the job file. */
  readonly sets: readonly string[];
}

/** One round: rows a second of the run and of each bare loop. */
interface Round {
  readonly run: SteadyRun;
  readonly infer: number;
  readonly decode: number;
  readonly encode: number;
  /** Rate of the loop that prepares columns for the model. Null: the workload has no such columns. */
  readonly prepare: number | null;
  /** Steady rate of the run as a share of the bare loop's, and of all loops added up. */
  readonly ofInfer: number;
  readonly ofAdded: number;
}

export interface MeasuredWorkload {
  readonly workload: Workload;
  readonly batching: string;
  readonly rounds: readonly Round[];
}

/** Rows that the bare loop holds as tensors, over all threads. The tensors' megabytes decide the number. */
const LOOP_ROWS = { flights: 262_144, encoder: 2_000, vision: 2_048, text: 2_000, photos: 256 };
/** Rows of a batching trial: each trial repeats all of them at least once. */
const TRY_ROWS = { flights: 262_144, encoder: 256, vision: 1_024, text: 256, photos: 64 };
/** Seconds of each batching trial. */
const TRY_SECONDS = 1;

/**
 * Runs the job and the loops in turn. An uncounted first run finds the numbers of lanes and threads, and
 * leaves output for the encode loop.
 */
export async function measureWorkload(
  workload: Workload,
  options: CeilingOptions,
): Promise<MeasuredWorkload> {
  try {
    note(`${workload.name}: a first run of ${workload.rows} rows`);
    const { lanes, threadsPerLane: threads } = await steadyRun(workload, options.sets);
    const shared = {
      workload,
      mostRows: Math.min(workload.rows, LOOP_ROWS[workload.name]),
      outputPaths: await outputPaths(workload),
    };
    note(`${workload.name}: ${lanes} lanes of ${threads} threads; looking for the loop's best batch`);
    const batching = await bestBatching({ ...shared, lanes, threads }, options);
    await using infer = await LoopThreads.start({ ...shared, stage: "infer", lanes, threads });
    const cores = { ...shared, lanes: availableParallelism(), threads: 1 };
    await using decode = await LoopThreads.start({ ...cores, stage: "decode" });
    await using encode = await LoopThreads.start({ ...cores, stage: "encode" });
    await using prepare = workload.inputs.some(isPrepared)
      ? await LoopThreads.start({ ...cores, stage: "prepare" })
      : null;
    for (const loop of [infer, decode, encode, prepare]) await loop?.prepare(batching);
    const rounds: Round[] = [];
    while (rounds.length < options.rounds) {
      const forwards = rounds.length % 2 === 0;
      const before = forwards ? null : await infer.measure(options.seconds);
      const run = await steadyRun(workload, options.sets);
      const rates = {
        infer: before ?? (await infer.measure(options.seconds)),
        decode: await decode.measure(options.seconds / 2),
        encode: await encode.measure(options.seconds / 2),
        prepare: (await prepare?.measure(options.seconds / 2)) ?? null,
      };
      rounds.push(roundOf(run, rates));
      noteRound(workload, rounds);
      if (run.lanes !== lanes || run.threadsPerLane !== threads)
        note(
          `  this run had ${run.lanes} lanes of ${run.threadsPerLane} threads: the loop still has the first run's`,
        );
    }
    return { workload, batching: batchingText(batching), rounds };
  } finally {
    await rm(outputFolder(workload), { recursive: true, force: true });
  }
}

async function bestBatching(
  shared: Omit<LoopOptions, "lane" | "stage">,
  { seconds }: CeilingOptions,
): Promise<LoopBatching> {
  const { workload, lanes } = shared;
  const mostRows = Math.min(workload.rows, TRY_ROWS[workload.name]);
  await using loop = await LoopThreads.start({ ...shared, stage: "infer", mostRows });
  const limits = { rows: Math.ceil(mostRows / lanes), seconds: Math.min(TRY_SECONDS, seconds) };
  return await findBatching(loop, workload, limits);
}

function roundOf(run: SteadyRun, rates: Pick<Round, "infer" | "decode" | "encode" | "prepare">): Round {
  const { infer, decode, encode, prepare } = rates;
  const added = addedUp([decode, infer, encode, ...(prepare === null ? [] : [prepare])]);
  return { run, ...rates, ofInfer: run.rowsPerSecond / infer, ofAdded: run.rowsPerSecond / added };
}

function noteRound({ name }: Workload, rounds: readonly Round[]): void {
  const last = rounds.at(-1);
  if (last === undefined) return;
  const { run, infer, decode, encode, prepare, ofInfer, ofAdded } = last;
  const loops = Object.entries({ infer, decode, encode, prepare }).flatMap(([loop, rate]) =>
    rate === null ? [] : [`${loop} ${Math.round(rate)}`],
  );
  note(
    `${name}, round ${rounds.length}: ${Math.round(run.rowsPerSecond)} rows/s (start ${run.startSeconds.toFixed(1)} s, tail ${run.tailSeconds.toFixed(1)} s); ${loops.join(", ")}; ${ofInfer.toFixed(3)} of infer, ${ofAdded.toFixed(3)} of all`,
  );
}

async function outputPaths(workload: Workload): Promise<readonly string[]> {
  const output = outputFolder(workload);
  const { files } = await manifestOf(output);
  return files.filter(({ kind }) => kind === "rows").map(({ path }) => join(output, path));
}

/** Returns the median of a figure over the rounds. */
export function medianOf({ rounds }: MeasuredWorkload, read: (round: Round) => number): number {
  return median(rounds.map(read));
}
