import { present } from "../../../shared/core/assert.ts";
import { canonicalJson, type Digest, sha256 } from "../../../shared/core/digest.ts";
import { isShardmillError, ShardmillError } from "../../../shared/core/errors.ts";
import { INPUTS, reductionValue, stepValue } from "../../../shared/domain/features.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { placed, type SpecStage, stagesOf, unplaced } from "../../../shared/domain/job-stages.ts";
import { type JobStores, NO_STORES } from "../../../shared/domain/job-stores.ts";
import { isAddress, parseLocation } from "../../../shared/domain/location.ts";
import type { StepFile, StepKeys } from "../../../shared/domain/step-binding.ts";
import type { TypeCheck } from "../../../shared/domain/type-check.ts";
import type { NamedProgram, ProgramPart } from "../../../shared/extension/program.ts";
import type { DescribedFiles, FilesPart } from "../../../shared/extension/step-part.ts";
import { formatKeyPath } from "../../../shared/job-file/key-path.ts";
import { isPlaceError } from "../../../shared/storage/errors.ts";
import { type StorageOpeners, Storages } from "../../../shared/storage/open-storage.ts";
import { LABEL_FILES } from "../labels/label-files.ts";
import { fileHere, unreadable } from "./file-here.ts";
import { readTableFiles } from "./table-files.ts";

/** Files of a job's steps and tables. The key is the location, or the key path of a made file. */
export type StepFiles = ReadonlyMap<string, StepFile>;

interface NamedFile {
  /** Key that names the file. */
  readonly where: string;
  readonly path: string;
  /** Name under which planners find it: its location, or the key for which it is made. */
  readonly name: string;
  /** Value that has the key. */
  readonly value: StepKeys;
  readonly part: FilesPart;
}

interface JobProgram extends NamedProgram {
  readonly part: ProgramPart;
}

/** Parts of a job file that name files and programs. */
type CodeSpec = Pick<JobSpec, "map" | "reduce" | "tables">;

/** Returns the files that a job's steps and inputs name, of all stages. */
export function filesNamedBy(map: JobSpec["map"]): readonly NamedFile[] {
  return stagesOf({ map }).flatMap(({ place, map: own }) =>
    ownFilesOf(own).map((file) => {
      const [where, name] = [placed(file.where, place), placed(file.name, place)];
      return { ...file, where, name: file.name === file.path ? file.name : name };
    }),
  );
}

/** Returns the files of one stage. Their keys begin with `map`. */
function ownFilesOf({ inputs, outputs, prepare, finish }: JobSpec["map"]): readonly NamedFile[] {
  const ofInputs = Object.entries(inputs).flatMap(([name, input]) =>
    INPUTS.flatMap(({ files }) =>
      filesIn(input, files, (key) => formatKeyPath(["map", "inputs", name, key])),
    ),
  );
  const ofSteps = Object.entries({ prepare, finish }).flatMap(([stage, steps]) =>
    steps.flatMap((step, at) => {
      const named = stepValue(step);
      if (named === null) return [];
      const { part, value } = named;
      if (typeof value === "string") return [];
      return filesIn(value, part.files, (key) => `map.${stage}[${at}].${part.key}.${key}`);
    }),
  );
  const ofOutputs = outputs.flatMap(({ column, labels = [] }) => {
    const files = filesIn(labels, LABEL_FILES, (key) =>
      formatKeyPath(["map", "outputs", column, "labels", key]),
    );
    // Another key may name the same file, for another purpose.
    return files.map((file) => ({ ...file, name: file.where }));
  });
  return [...ofInputs, ...ofSteps, ...ofOutputs];
}

function filesIn(
  value: object,
  part: FilesPart | undefined,
  whereOf: (key: string) => string,
): readonly NamedFile[] {
  const values = value as StepKeys;
  return (part?.keys ?? []).flatMap((key) => {
    const path = values[key];
    const where = whereOf(key);
    if (part === undefined || typeof path !== "string") return [];
    return [{ where, path, name: part.make === undefined ? path : where, value: values, part }];
  });
}

/**
 * Gets the facts that planners need about the files of a job, from extensions.
 *
 * @param place key path of the stage. Planners know its keys as those of a job without stages.
 * @param all files of the job, on this machine
 */
export async function describeFiles(
  { place, map }: Pick<SpecStage, "place" | "map">,
  all: StepFiles,
  signal: AbortSignal,
): Promise<DescribedFiles> {
  const files = new Map([...all].map(([name, file]) => [unplaced(name, place), file]));
  const named = new Map(ownFilesOf(map).map((file) => [file.name, file]));
  const described = [...named.values()].map(async ({ name, part }) => {
    const file = present(files.get(name), "the files of the job are read");
    return [name, await part.describe(file, signal)] as const;
  });
  return { files, descriptions: new Map(await Promise.all(described)) };
}

/** Returns the programs in a job's steps and reductions. */
export function programsOf({ map, reduce }: CodeSpec): readonly JobProgram[] {
  const steps = stagesOf({ map }).flatMap(({ place, map: own }) =>
    (["prepare", "finish"] as const).flatMap((stage) =>
      own[stage].map((step, index) => ({ where: `${place}.${stage}[${index}]`, named: stepValue(step) })),
    ),
  );
  const reductions = Object.entries(reduce).map(([name, reduction]) => {
    return { where: `reduce.${name}`, named: reductionValue(reduction) };
  });
  return [...steps, ...reductions].flatMap(({ where, named }) => {
    const part = named?.part.program;
    if (part === undefined || typeof named?.value !== "string") return [];
    return [{ where, path: named.value, part }];
  });
}

/**
 * Checks the types of all programs, by their extensions.
 *
 * @throws {STEP_INVALID}
 */
export async function checkTypes(spec: CodeSpec, signal: AbortSignal): Promise<readonly TypeCheck[]> {
  const programs = programsOf(spec);
  const checks: TypeCheck[] = [];
  for (const part of new Set(programs.map((program) => program.part))) {
    const own = programs.filter((program) => program.part === part);
    checks.push(...(await part.checkTypes(own, signal)));
  }
  return checks;
}

interface StepFileOptions {
  /** Settings of the job's stores. Default: none. */
  readonly stores?: JobStores;
  /** Openers of additional storages. */
  readonly openers?: StorageOpeners;
  readonly signal: AbortSignal;
}

/**
 * Reads the files of a job's steps and tables, each with the digest of its content. Fetches files of other
 * machines, and compiles programs.
 *
 * @throws {SPEC_INVALID} with all files that cannot be read, or do not compile
 */
export async function readStepFiles(
  spec: CodeSpec,
  { stores = NO_STORES, openers = {}, signal }: StepFileOptions,
): Promise<StepFiles> {
  await using storages = new Storages(openers, stores);
  const options = { storages, stores, signal };
  const tables = await readTableFiles(spec.tables ?? {}, options);
  const files = new Map(tables.files);
  const problems = [...tables.problems];
  for (const { part, name, ...named } of filesNamedBy(spec.map)) {
    if (files.has(name)) continue;
    const { where, path } = named;
    try {
      const made = await part.make?.({ ...named, stores }, signal);
      files.set(name, made ?? (await fileHere(parseLocation(path), options)));
    } catch (error) {
      signal.throwIfAborted();
      if (part.make === undefined) problems.push(unreadable(where, path, error));
      else if (isShardmillError(error, "SPEC_INVALID")) problems.push(...error.problems);
      else throw error;
    }
  }
  for (const { where, path, part } of programsOf(spec)) {
    if (files.has(path)) continue;
    try {
      const { location } = isAddress(path)
        ? await fileHere(parseLocation(path), options)
        : { location: path };
      files.set(path, await part.make(location, where, signal));
    } catch (error) {
      signal.throwIfAborted();
      if (isShardmillError(error, "STEP_INVALID")) problems.push(...error.problems);
      else if (isPlaceError(error)) problems.push(unreadable(where, path, error));
      else throw error;
    }
  }
  if (problems.length === 0) return files;
  throw new ShardmillError("SPEC_INVALID", "files of the job cannot be read", { problems });
}

/** Returns the digest of a job's spec together with the contents of its steps' files. */
export function withStepFiles(specDigest: Digest, files: StepFiles): Digest {
  if (files.size === 0) return specDigest;
  return sha256(canonicalJson([specDigest, ...[...files.values()].map((file) => file.sha256)]));
}
