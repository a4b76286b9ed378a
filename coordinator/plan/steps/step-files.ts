import { canonicalJson, sha256 } from "../../../shared/core/digest.ts";
import { isShardmillError, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import type { StepFile } from "../../../shared/domain/step-binding.ts";
import { formatKeyPath } from "../../../shared/job-file/key-path.ts";
import { reasonOf } from "../../../shared/storage/errors.ts";
import { type StorageOpeners, Storages } from "../../../shared/storage/open-storage.ts";
import { digestStored } from "../../../shared/storage/whole-file.ts";
import { keepBundle } from "../module/keep-bundle.ts";

/** By the location that the job file names: its steps' files. */
export type StepFiles = ReadonlyMap<string, StepFile>;

interface NamedFile {
  /** The key that names it. */
  readonly where: string;
  readonly path: string;
}

/** What of a job file names files and code. */
type CodeSpec = Pick<JobSpec, "map" | "reduce">;

/** What the steps of a job need beside their rows. */
export function filesNamedBy({ inputs, prepare, finish }: JobSpec["map"]): readonly NamedFile[] {
  const named = (where: string, path: string | undefined) => (path === undefined ? [] : [{ where, path }]);
  const ofInputs = Object.entries(inputs).map(([name, { tokenizer }]) => {
    return named(formatKeyPath(["map", "inputs", name, "tokenizer"]), tokenizer);
  });
  const ofSteps = Object.entries({ prepare, finish }).flatMap(([key, steps]) =>
    steps.map(({ split }, at) => named(`map.${key}[${at}].split.tokenizer`, split?.tokenizer)),
  );
  return [...ofInputs, ...ofSteps].flat();
}

/** The user's own code, which is bundled first. */
export function modulesOf({ map, reduce }: CodeSpec): readonly NamedFile[] {
  const steps = (["prepare", "finish"] as const).flatMap((stage) =>
    map[stage].map(({ module }, index) => ({ where: `map.${stage}[${index}]`, module })),
  );
  const reductions = Object.entries(reduce).map(([name, { module }]) => ({
    where: `reduce.${name}`,
    module,
  }));
  return [...steps, ...reductions].flatMap(({ where, module: path }) =>
    path === undefined ? [] : [{ where, path }],
  );
}

/**
 * The files that a job's steps need, each by its content; of the user's own code, the bundle.
 *
 * @throws {SPEC_INVALID} naming all that cannot be read, or does not compile
 */
export async function readStepFiles(
  spec: CodeSpec,
  signal: AbortSignal,
  openers: StorageOpeners = {},
): Promise<StepFiles> {
  const files = new Map<string, StepFile>();
  const problems: Problem[] = [];
  await using storages = new Storages(openers);
  for (const { where, path } of filesNamedBy(spec.map)) {
    if (files.has(path)) continue;
    const location = parseLocation(path);
    try {
      files.set(path, { location, ...(await digestStored(await storages.at(location), location, signal)) });
    } catch (error) {
      signal.throwIfAborted();
      problems.push({ where, what: `cannot be read: ${reasonOf(error)}`, expected: "a file", found: path });
    }
  }
  for (const { where, path } of modulesOf(spec)) {
    if (files.has(path)) continue;
    try {
      files.set(path, await keepBundle(path, where, signal));
    } catch (error) {
      if (!isShardmillError(error, "STEP_INVALID")) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length === 0) return files;
  throw new ShardmillError("SPEC_INVALID", "files of the job cannot be read", { problems });
}

/** What the digest of a job's spec becomes with the contents of its steps' files. */
export function withStepFiles(specDigest: string, files: StepFiles): string {
  if (files.size === 0) return specDigest;
  return sha256(canonicalJson([specDigest, ...[...files.values()].map((file) => file.sha256)]));
}
