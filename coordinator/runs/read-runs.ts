import { ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { JOB_RUNS } from "../../shared/domain/job-runs.ts";
import { below, type Location, nameOf } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest, WORK_FOLDER } from "../../shared/domain/manifest.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { inspectOutput, namesIn, outputOccupied } from "../publish/output-folder.ts";

/** A published run of a job over new files, below the job's `output.path`. */
export interface PublishedRun {
  readonly number: number;
  readonly output: Location;
  readonly manifest: OutputManifest;
}

export interface Runs {
  /** Published runs, in order. */
  readonly published: readonly PublishedRun[];
  /** Number of a run that has begun and not ended, or of an empty run folder. */
  readonly unfinished: number | null;
}

/** Published runs by folder: a cache for callers that read them repeatedly. A published run never changes. */
export type KnownRuns = Map<Location, PublishedRun>;

/** Manifests read at once: each costs a round trip to a network file system or a store. */
const READS_AT_ONCE = 16;

/**
 * Returns the folder of a run, such as `run=000042`. The names sort in order, and readers of `name=value`
 * folders see the run as a column.
 */
export function runFolder(base: Location, number: number): Location {
  return below(base, `run=${String(number).padStart(6, "0")}`);
}

/**
 * Reads the runs in the output folder of a job over new files.
 *
 * @param known cache of published runs, whose manifests are not read again. Newly read ones are added.
 * @throws {OUTPUT_OCCUPIED} when the folder has other content: the output of an ordinary job, or foreign
 *   files
 * @throws {OUTPUT_FAILED} when a manifest in it cannot be read, or does not list the files of its run
 */
export async function readRuns(
  base: Location,
  storage: Storage,
  known: KnownRuns = new Map(),
): Promise<Runs> {
  const names = (await namesIn(base, storage)) ?? [];
  const others = names.filter((name) => name !== JOB_RUNS?.folder && runNumber(name) === null);
  if (others.includes(MANIFEST_NAME) || others.includes(WORK_FOLDER)) throw ordinaryOutput(base);
  if (others.length > 0) throw outputOccupied(base, others);
  const numbers = names.flatMap((name) => runNumber(name) ?? []).sort((a, b) => a - b);
  const found = await mapConcurrent(numbers, READS_AT_ONCE, async (number) => {
    const output = runFolder(base, number);
    const before = known.get(output);
    if (before !== undefined) return { number, output, state: { kind: "published", ...before } as const };
    return { number, output, state: await inspectOutput(output, storage) };
  });
  const published: PublishedRun[] = [];
  let unfinished: number | null = null;
  for (const { number, output, state } of found) {
    if (state.kind === "published") {
      const run = { number, output, manifest: state.manifest };
      known.set(output, run);
      published.push(run);
    } else if (state.kind === "occupied") throw outputOccupied(output, state.entries);
    else unfinished ??= number;
  }
  const silent = published.find(({ manifest }) => manifest.inputFiles === null);
  if (silent !== undefined) throw noManifest(silent.output);
  return { published, unfinished };
}

function runNumber(name: string): number | null {
  const match = /^run=(\d{6,9})$/.exec(name);
  return match === null ? null : Number(match[1]);
}

function ordinaryOutput(base: Location): ShardmillError {
  return new ShardmillError("OUTPUT_OCCUPIED", `${base} holds an output that is not one of several runs`, {
    fields: { path: base },
    problems: [
      {
        where: "output.path",
        what: "a job without input.new publishes, or published, to this folder itself",
        expected: "a folder that is empty, does not exist, or has runs in it",
        found: base,
      },
    ],
    hint: "choose another output.path for the runs of a job with input.new",
  });
}

function noManifest(run: Location): ShardmillError {
  return new ShardmillError(
    "OUTPUT_FAILED",
    `${below(run, MANIFEST_NAME)} does not list the files that its run read`,
    {
      fields: { path: run },
      hint: `move ${nameOf(run)} away, or choose another output.path: it is not a run of a job with input.new`,
    },
  );
}
