import { join } from "node:path";
import { sha256 } from "../../shared/core/digest.ts";
import { stateFolder } from "../../shared/core/user-folder.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { below, type Location, localPathOf, nameOf, parseLocation } from "../../shared/domain/location.ts";
import { WORK_FOLDER } from "../../shared/domain/manifest.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";

/** What of a job's files is known before its lock is held. */
export interface OutputPaths {
  readonly output: Location;
  /** `_shardmill`, below the output. */
  readonly work: Location;
  /**
   * The manifest of the output that is being published: which files beside it are Shardmill's, until it is
   * published.
   */
  readonly publishing: Location;
  /**
   * Says which run's journal is the job's, where the journal is in the bucket: whoever has the job file finds
   * it. Null where it is on the coordinator's disk.
   */
  readonly runFile: Location | null;
  /** On the coordinator's disk, whatever storage the output is in: the lock, and mostly the journal. */
  readonly disk: string;
}

/** Where a job's files are while it runs. */
export interface WorkPaths extends OutputPaths {
  /**
   * What in `work` is of this journal alone. In a bucket a folder of its own, for there may be coordinators
   * on other machines, whose locks are not seen; else `work`.
   */
  readonly own: Location;
  /** The name of that folder; null where it is `work`. */
  readonly run: string | null;
  readonly partials: Location;
  readonly stage: Location;
  /** A folder: on the disk, or in the bucket where there is a `runFile`. */
  readonly journal: string;
  /** On the coordinator's disk: what SQL spills and makes, and what is on its way through. */
  readonly temp: string;
}

/** Where a job publishes, and where it wants its journal. */
interface OutputSpec {
  readonly output: Pick<JobSpec["output"], "path">;
  readonly work?: JobSpec["work"] | undefined;
}

/** Of an output on a disk: all is in it. */
export function workPaths(outputPath: string): WorkPaths {
  return withRun(outputPathsOf({ output: { path: outputPath } }, ""), null);
}

/** @param storage of the output: it knows which of several stores a location is in */
export async function findOutputPaths(
  spec: OutputSpec,
  storage: Pick<Storage, "storeOf">,
): Promise<OutputPaths> {
  return outputPathsOf(spec, (await storage.storeOf?.(parseLocation(spec.output.path))) ?? "");
}

/**
 * On the disk, work files of an output in a bucket are found by its name and its store, whatever job it is:
 * by the name alone, jobs at two endpoints would have one journal.
 */
function outputPathsOf(spec: OutputSpec, store: string): OutputPaths {
  const output = parseLocation(spec.output.path);
  const work = below(output, WORK_FOLDER);
  const publishing = below(work, "publishing.json");
  const known = sha256(`${store} ${output}`).slice(0, 16);
  const disk = isOnThisMachine(output)
    ? localPathOf(work)
    : join(spec.work?.path ?? stateFolder("jobs"), `${shownName(output)}-${known}`);
  const runFile = spec.work?.journal === "bucket" ? below(work, "journal.json") : null;
  return { output, work, publishing, runFile, disk };
}

/** For people who look into the folder: what names it is the digest. */
function shownName(output: Location): string {
  return nameOf(output)
    .replace(/[^A-Za-z0-9_-]/g, "_")
    .slice(0, 40);
}

/** @param run the name of this journal's own folder in the bucket; null where there is none */
export function withRun(paths: OutputPaths, run: string | null): WorkPaths {
  const { work, disk, runFile } = paths;
  const own = run === null ? work : below(work, run);
  return {
    ...paths,
    own,
    run,
    partials: below(own, "partials"),
    stage: below(own, "stage"),
    journal: runFile === null ? `${disk}/journal` : below(own, "journal"),
    temp: `${disk}/temp`,
  };
}
