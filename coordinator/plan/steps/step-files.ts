import { present } from "../../../shared/core/assert.ts";
import { canonicalJson, type Digest, sha256 } from "../../../shared/core/digest.ts";
import { isShardmillError, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { INPUTS, reductionValue, stepValue } from "../../../shared/domain/features.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { type JobStores, NO_STORES } from "../../../shared/domain/job-stores.ts";
import { isAddress, type Location, nameOf, parseLocation } from "../../../shared/domain/location.ts";
import type { StepFile } from "../../../shared/domain/step-binding.ts";
import type { TypeCheck } from "../../../shared/domain/type-check.ts";
import type { NamedProgram, ProgramPart } from "../../../shared/extension/program.ts";
import type { DescribedFiles, FilesPart } from "../../../shared/extension/step-part.ts";
import { formatKeyPath } from "../../../shared/job-file/key-path.ts";
import { isPlaceError, placeProblem } from "../../../shared/storage/errors.ts";
import { isOnThisMachine } from "../../../shared/storage/local-paths.ts";
import { type StorageOpeners, Storages } from "../../../shared/storage/open-storage.ts";
import { digestStored } from "../../../shared/storage/whole-file.ts";
import { fetchTogether } from "../fetch/kept-files.ts";

/** By the location that the job file names: its steps' files. */
export type StepFiles = ReadonlyMap<string, StepFile>;

interface NamedFile {
  /** The key that names it. */
  readonly where: string;
  readonly path: string;
  readonly describe: FilesPart["describe"] | undefined;
}

interface JobProgram extends NamedProgram {
  readonly part: ProgramPart;
}

/** Parts of a job file that name files and programs. */
type CodeSpec = Pick<JobSpec, "map" | "reduce">;

/** What the steps of a job need beside their rows. */
export function filesNamedBy({ inputs, prepare, finish }: JobSpec["map"]): readonly NamedFile[] {
  const ofInputs = Object.entries(inputs).flatMap(([name, input]) =>
    INPUTS.flatMap(({ files }) =>
      filesIn(input, files).map(({ key, ...file }) => {
        return { ...file, where: formatKeyPath(["map", "inputs", name, key]) };
      }),
    ),
  );
  const ofSteps = Object.entries({ prepare, finish }).flatMap(([stage, steps]) =>
    steps.flatMap((step, at) => {
      const named = stepValue(step);
      if (named === null) return [];
      const { part, value } = named;
      if (typeof value === "string") return [];
      return filesIn(value, part.files).map(({ key, ...file }) => {
        return { ...file, where: `map.${stage}[${at}].${part.key}.${key}` };
      });
    }),
  );
  return [...ofInputs, ...ofSteps];
}

function filesIn(value: object, files: FilesPart | undefined) {
  const values = value as Readonly<Record<string, unknown>>;
  return (files?.keys ?? []).flatMap((key) => {
    const path = values[key];
    return typeof path === "string" ? [{ key, path, describe: files?.describe }] : [];
  });
}

/**
 * Asks extensions for what planners have to know of the files that a job names.
 *
 * @param files those of the job, on this machine
 */
export async function describeFiles(
  map: JobSpec["map"],
  files: StepFiles,
  signal: AbortSignal,
): Promise<DescribedFiles> {
  const named = new Map(filesNamedBy(map).map((file) => [file.path, file]));
  const described = [...named.values()].map(async ({ path, describe }) => {
    const file = present(files.get(path), "the files of the job are read");
    return [path, await describe?.(file, signal)] as const;
  });
  return { files, descriptions: new Map(await Promise.all(described)) };
}

/** Programs that a job brings along, in steps and reductions. */
export function programsOf({ map, reduce }: CodeSpec): readonly JobProgram[] {
  const steps = (["prepare", "finish"] as const).flatMap((stage) =>
    map[stage].map((step, index) => ({ where: `map.${stage}[${index}]`, named: stepValue(step) })),
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

/** Has the types of all programs checked by those who make them. @throws {STEP_INVALID} */
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
  /** What the job says of its stores. Left out: nothing. */
  readonly stores?: JobStores;
  /** Of other storages than the usual ones. */
  readonly openers?: StorageOpeners;
  readonly signal: AbortSignal;
}

/**
 * The files that a job's steps need, each by its content; of a program what is made of it. Those that lie
 * elsewhere are fetched.
 *
 * @throws {SPEC_INVALID} naming all that cannot be read, or does not compile
 */
export async function readStepFiles(
  spec: CodeSpec,
  { stores = NO_STORES, openers = {}, signal }: StepFileOptions,
): Promise<StepFiles> {
  const files = new Map<string, StepFile>();
  const problems: Problem[] = [];
  await using storages = new Storages(openers, stores);
  const options = { storages, stores, signal };
  for (const { where, path } of filesNamedBy(spec.map)) {
    if (files.has(path)) continue;
    try {
      files.set(path, await fileHere(parseLocation(path), options));
    } catch (error) {
      signal.throwIfAborted();
      problems.push(unreadable(where, path, error));
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

interface FileOptions {
  readonly storages: Storages;
  readonly stores: JobStores;
  readonly signal: AbortSignal;
}

/** A file of this machine as it lies there, of another place a copy. */
async function fileHere(location: Location, { storages, stores, signal }: FileOptions): Promise<StepFile> {
  const storage = await storages.at(location);
  if (isOnThisMachine(location)) return { location, ...(await digestStored(storage, location, { signal })) };
  const name = nameOf(location) || "file";
  const fetched = await fetchTogether({ location, name }, { storage, stores, signal });
  const { path, bytes, sha256: digest } = present(fetched[0], "a file that was fetched");
  return { location: path, bytes, sha256: digest };
}

function unreadable(where: string, path: string, error: unknown): Problem {
  return { ...placeProblem(where, "cannot be read", error), expected: "a file", found: path };
}

/** What the digest of a job's spec becomes with the contents of its steps' files. */
export function withStepFiles(specDigest: Digest, files: StepFiles): Digest {
  if (files.size === 0) return specDigest;
  return sha256(canonicalJson([specDigest, ...[...files.values()].map((file) => file.sha256)]));
}
