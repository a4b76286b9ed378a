import { present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { ModelFile } from "../../shared/domain/job.ts";
import { parseLocation, viaCoordinator } from "../../shared/domain/location.ts";
import { programPlaces, stepFiles } from "../../shared/domain/reduction-binding.ts";
import type { StepBinding, StepFile } from "../../shared/domain/step-binding.ts";
import { copyModel, modelHere } from "../../shared/onnx/model-copy.ts";
import { FetchProgress, logFetching } from "../../shared/storage/fetch-progress.ts";
import type { CopiesPlace, LocalCopy } from "../../shared/storage/local-copy.ts";
import { copyStepFiles, stepFilesHere } from "../../shared/storage/step-files.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { AccessChoice } from "./choose-access.ts";

interface LocalFilesOptions {
  /** Sources to try in order: the coordinator's own paths as visible here, or the coordinator. */
  readonly from: AccessChoice["model"];
  /** Storage to fetch a model from that is not visible here. Null: there is no coordinator. */
  readonly coordinator: Pick<Storage, "read"> | null;
  readonly copies: CopiesPlace;
  /** Updated while files are fetched. Default: not reported. */
  readonly progress?: FetchProgress | undefined;
}

export interface LocalModel extends Pick<LocalCopy, "release"> {
  readonly path: string;
  /**
   * Checks, after loading, that the model was not replaced since its check.
   *
   * @throws {MODEL_CHANGED} when the model was replaced
   */
  checkUnchanged(): Promise<void>;
}

/** Files of a job on this machine. */
interface LocalFiles {
  /** Job whose steps, reductions and tables have local paths. */
  readonly job: JobDescription;
  /** Null: the job has no model. */
  readonly model: LocalModel | null;
  /** Models of the stages before the last one. */
  readonly stages: readonly LocalModel[];
}

/**
 * Returns a job with its files on this machine, and its models.
 *
 * @throws errors of `openLocalModel` and `withLocalCode`
 */
export async function openLocalFiles(
  options: LocalFilesOptions & { readonly job: JobDescription },
  { allowsModules, log }: { readonly allowsModules: boolean; readonly log: Logger },
): Promise<LocalFiles> {
  const { job, progress = new FetchProgress(systemClock) } = options;
  const local = { ...options, progress };
  using _saying = logFetching(progress, log, { job: job.jobId });
  try {
    const code = await withLocalCode({ ...local, allowsModules });
    const { model, stages = [] } = job;
    const opened: LocalModel[] = [];
    try {
      for (const stage of stages) opened.push(await openLocalModel(stage.model, local));
      const own = model === null ? null : await openLocalModel(model, local);
      return { job: { ...job, ...code }, model: own, stages: opened };
    } catch (error) {
      for (const each of opened) await each.release();
      throw error;
    }
  } finally {
    progress.clear();
  }
}

/**
 * Returns the model on this machine, with its external data. Uses the coordinator's own files if they are
 * visible here and unchanged, else fetches copies once.
 *
 * @throws {MODEL_CHANGED} when the bytes differ from the planned ones
 */
export async function openLocalModel(model: ModelFile, options: LocalFilesOptions): Promise<LocalModel> {
  const copy = await nearest(options, {
    here: () => modelHere(model),
    fetched: () => fetchModel(model, options),
  });
  const path = present(copy.paths[0], "a model has a file");
  return { path, checkUnchanged: () => copy.checkUnchanged(), release: copy.release };
}

/** Parts of a job that name files other than its model and input. */
type JobCode = Pick<JobDescription, "map" | "reductions" | "tables">;

/**
 * Returns the job's map, reductions and tables with their files on this machine.
 *
 * @throws {MODULES_REFUSED} when the job has its own code, which may not run here
 * @throws {MODEL_CHANGED} when the bytes differ from the planned ones
 */
export async function withLocalCode(
  options: LocalFilesOptions & {
    readonly job: JobCode;
    /** True when a job's own code may run here. */
    readonly allowsModules: boolean;
  },
): Promise<JobCode> {
  if (!options.allowsModules) refuseCode(options.job);
  const { map, reductions, tables } = options.job;
  const files = stepFiles(options.job);
  if (files.length === 0) return { map, reductions, tables };
  const { paths } = await nearest(options, {
    here: () => stepFilesHere(files),
    fetched: () => copyStepFiles(files, { ...options, storage: ofCoordinator(options) }),
  });
  const here = new Map(files.map(({ location }, index) => [location, present(paths[index], "a path each")]));
  const local = <File extends StepFile>(file: File): File => {
    const path = present(here.get(file.location), "all files of the job's code are here");
    return { ...file, location: parseLocation(path) };
  };
  const steps = (bindings: readonly StepBinding[]) =>
    bindings.map((step) => ({ ...step, files: step.files.map(local) }));
  const code = Object.entries(reductions).map(([name, reduction]) => {
    return [name, { ...reduction, file: local(reduction.file) }] as const;
  });
  return {
    map: { ...map, prepare: steps(map.prepare), finish: steps(map.finish) },
    reductions: Object.fromEntries(code),
    tables: Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, local(table)])),
  };
}

interface Ways {
  readonly here: () => Promise<LocalCopy>;
  readonly fetched: () => Promise<LocalCopy>;
}

function nearest(
  { from: [first, ...others] }: LocalFilesOptions,
  { here, fetched }: Ways,
): Promise<LocalCopy> {
  if (first === "coordinator") return fetched();
  return here().catch((error: unknown) => {
    // The file at the same path may be another machine's.
    if (others.includes("coordinator") && isShardmillError(error, "MODEL_CHANGED")) return fetched();
    throw error;
  });
}

function ofCoordinator({ coordinator }: LocalFilesOptions): Pick<Storage, "read"> {
  return present(coordinator, "files that are not visible, and no coordinator to fetch them from");
}

async function fetchModel(model: ModelFile, options: LocalFilesOptions): Promise<LocalCopy> {
  const storage = ofCoordinator(options);
  return await copyModel(model, { ...options, storage, locate: viaCoordinator });
}

/**
 * Refuses a job's own code before anything is fetched.
 *
 * @throws {MODULES_REFUSED} when the job has its own code
 */
function refuseCode(job: JobCode): void {
  const [where] = programPlaces(job);
  if (where === undefined) return;
  throw new ShardmillError("MODULES_REFUSED", `this worker runs no code of jobs (${where})`, {
    fields: { where },
    hint: "ask the worker's operator to start it with --allow-modules",
  });
}
