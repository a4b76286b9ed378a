import { join } from "node:path";
import { sha256 } from "../../shared/core/digest.ts";
import { stateFolder } from "../../shared/core/user-folder.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { below, type Location, localPathOf, nameOf, parseLocation } from "../../shared/domain/location.ts";
import { WORK_FOLDER } from "../../shared/domain/manifest.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";

/** Paths of a job that are known before its lock is held. */
export interface OutputPaths {
  readonly output: Location;
  /** `_shardmill`, below the output. */
  readonly work: Location;
  /** Manifest of the output that is being published. Until then, it names Shardmill's files beside it. */
  readonly publishing: Location;
  /**
   * File that names the run whose journal is the job's, for a journal in the bucket. With it, any coordinator
   * with the job file finds the journal. Null: the journal is on the coordinator's disk.
   */
  readonly runFile: Location | null;
  /** Folder on the coordinator's disk, for any storage: the lock and, by default, the journal. */
  readonly disk: string;
}

/** Paths of a job while it runs. */
export interface WorkPaths extends OutputPaths {
  /**
   * Folder in `work` for this journal alone. In a bucket it is a separate folder, because coordinators on
   * other machines do not see the lock. On a disk it is `work`.
   */
  readonly own: Location;
  /** Name of that folder. Null: it is `work`. */
  readonly run: string | null;
  readonly partials: Location;
  readonly stage: Location;
  /** Folder of the journal: on the disk, or in the bucket if there is a `runFile`. */
  readonly journal: string;
  /** Folder on the coordinator's disk for temporary files: SQL spills, SQL results and files in transit. */
  readonly temp: string;
}

/** Settings of a job that decide where it publishes and where it keeps its journal. */
interface OutputSpec {
  readonly output: Pick<JobSpec["output"], "path">;
  readonly work?: JobSpec["work"] | undefined;
}

/** Returns the paths of an output on a disk: all work files are inside it. */
export function workPaths(outputPath: string): WorkPaths {
  return withRun(outputPathsOf({ output: { path: outputPath } }, ""), null);
}

/** @param storage of the output: it knows the store of each location */
export async function findOutputPaths(
  spec: OutputSpec,
  storage: Pick<Storage, "storeOf">,
): Promise<OutputPaths> {
  return outputPathsOf(spec, (await storage.storeOf?.(parseLocation(spec.output.path))) ?? "");
}

/**
 * Returns the paths of an output. On the disk, the work files of an output in a bucket are found by its path
 * and its store. The path alone would give jobs at two endpoints the same journal.
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

/** Returns the readable part of a folder's name. The digest after it makes the name unique. */
function shownName(output: Location): string {
  return nameOf(output)
    .replace(/[^A-Za-z0-9_-]/g, "_")
    .slice(0, 40);
}

/** @param run name of this journal's own folder in the bucket. Null: there is none */
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
