import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { readManifest } from "../../coordinator/publish/read-manifest.ts";
import { MANIFEST_NAME } from "../../shared/domain/manifest.ts";
import { median, note } from "../report.ts";
import type { Workload } from "../workloads/workload.ts";
import { batchingText, findBatching } from "./find-batching.ts";
import { LoopThreads } from "./loop-threads.ts";
import { addedUp } from "./steady-rate.ts";
import { outputFolder, type SteadyRun, steadyRun } from "./steady-run.ts";

export interface CeilingOptions {
  readonly rounds: number;
  /** How long each loop runs in a round. */
  readonly seconds: number;
  /** Overrides of the job file. */
  readonly sets: readonly string[];
}

/** One round: rows a second of the run and of each bare loop. */
export interface Round {
  readonly run: SteadyRun;
  readonly infer: number;
  readonly decode: number;
  readonly encode: number;
  /** The run's steady rate as a share of the bare loop's, and of the three loops added up. */
  readonly ofInfer: number;
  readonly ofAdded: number;
}

export interface MeasuredWorkload {
  readonly workload: Workload;
  readonly batching: string;
  readonly rounds: readonly Round[];
}

/** Rows that the bare loop has in memory as tensors, over all threads: the megabytes that they may have decide. */
const LOOP_ROWS = { flights: 262_144, encoder: 2_000, vision: 2_048 };
/** How long each batch size is tried. */
const TRY_SECONDS = 1;

/**
 * Runs the job and the loops in turn. A first run, which does not count, tells how many lanes and threads there are and leaves
 * the output that the encode loop encodes.
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
    await using infer = await LoopThreads.start({ ...shared, stage: "infer", lanes, threads });
    const cores = { ...shared, lanes: availableParallelism(), threads: 1 };
    await using decode = await LoopThreads.start({ ...cores, stage: "decode" });
    await using encode = await LoopThreads.start({ ...cores, stage: "encode" });
    note(`${workload.name}: ${lanes} lanes of ${threads} threads; looking for the loop's best batch`);
    const batching = await findBatching(infer, workload, {
      rows: Math.ceil(shared.mostRows / lanes),
      seconds: Math.min(TRY_SECONDS, options.seconds),
    });
    for (const loop of [infer, decode, encode]) await loop.prepare(batching);
    const rounds: Round[] = [];
    while (rounds.length < options.rounds) {
      const forwards = rounds.length % 2 === 0;
      const before = forwards ? null : await infer.measure(options.seconds);
      const run = await steadyRun(workload, options.sets);
      const rates = {
        infer: before ?? (await infer.measure(options.seconds)),
        decode: await decode.measure(options.seconds / 2),
        encode: await encode.measure(options.seconds / 2),
      };
      rounds.push(roundOf(run, rates));
      noteRound(workload, rounds);
    }
    return { workload, batching: batchingText(batching), rounds };
  } finally {
    await rm(outputFolder(workload), { recursive: true, force: true });
  }
}

function roundOf(run: SteadyRun, rates: { infer: number; decode: number; encode: number }): Round {
  const { infer, decode, encode } = rates;
  const added = addedUp([decode, infer, encode]);
  return { run, ...rates, ofInfer: run.rowsPerSecond / infer, ofAdded: run.rowsPerSecond / added };
}

function noteRound({ name }: Workload, rounds: readonly Round[]): void {
  const last = rounds.at(-1);
  if (last === undefined) return;
  const { run, infer, decode, encode, ofInfer, ofAdded } = last;
  const loops = [infer, decode, encode].map((rate) => Math.round(rate)).join(" / ");
  note(
    `${name}, round ${rounds.length}: ${Math.round(run.rowsPerSecond)} rows/s (start ${run.startSeconds.toFixed(1)} s, tail ${run.tailSeconds.toFixed(1)} s); infer / decode / encode ${loops}; ${ofInfer.toFixed(3)} of infer, ${ofAdded.toFixed(3)} of all three`,
  );
}

async function outputPaths(workload: Workload): Promise<readonly string[]> {
  const output = outputFolder(workload);
  const { files } = await readManifest(join(output, MANIFEST_NAME));
  return files.filter(({ kind }) => kind === "rows").map(({ path }) => join(output, path));
}

/** The median over the rounds of whatever is read off one. */
export function medianOf({ rounds }: MeasuredWorkload, read: (round: Round) => number): number {
  return median(rounds.map(read));
}
