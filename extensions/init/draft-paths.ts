import { lstat } from "node:fs/promises";
import { isAbsolute, relative, resolve } from "node:path";
import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { withoutTrailingSlashes } from "../../shared/core/without-slashes.ts";
import { isAddress, isWebInput, notAFilePlace, notAnInput } from "../../shared/domain/location.ts";
import { literalFolder, literalPattern } from "../../shared/job-file/path-pattern.ts";
import type { DraftPaths } from "./draft-yaml.ts";

interface GivenPaths {
  /** Undefined: a job without a model. */
  readonly model?: string | undefined;
  readonly input: readonly string[];
}

interface FoundPaths {
  /** Paths as the job file has them. */
  readonly written: Pick<DraftPaths, "input" | "output">;
  /** Absolute input patterns. */
  readonly patterns: readonly string[];
  /** Model's path as the job file has it, and absolute. Null: a job without a model. */
  readonly model: { readonly written: string; readonly absolute: string } | null;
}

/**
 * Converts the paths of a command line for a job file in `folder`. An existing path is taken literally,
 * whatever its characters. Other paths may be patterns.
 *
 * @throws {ARGUMENT_INVALID} when an argument cannot be a path
 */
export async function draftPaths({ model, input }: GivenPaths, folder: string): Promise<FoundPaths> {
  if (model !== undefined) refuse("model", notAFilePlace(model));
  for (const path of input) refuse("input", notAnInput(path));
  const patterns = await Promise.all(
    input.map(async (path) => (!isAddress(path) && (await isThere(path)) ? literalPattern(path) : path)),
  );
  const inFile = patterns.map((pattern) =>
    fromFolder(pattern, literalPattern(process.cwd()), literalPattern(folder)),
  );
  const [only, ...more] = inFile;
  return {
    written: {
      input: only !== undefined && more.length === 0 ? only : inFile,
      output: await freeOutput(folder),
    },
    patterns: patterns.map((pattern) =>
      isPlace(pattern) ? pattern : resolve(literalFolder(process.cwd()), pattern),
    ),
    model:
      model === undefined
        ? null
        : {
            written: fromFolder(model, process.cwd(), folder),
            absolute: isAddress(model) ? withoutEnd(model) : resolve(model),
          },
  };
}

/** Refuses a path without showing it, because an invalid address may have a secret. */
function refuse(option: string, problem: Omit<Problem, "where"> | null): void {
  if (problem === null) return;
  throw new ShardmillError("ARGUMENT_INVALID", `--${option} is not a valid place`, {
    fields: { option },
    problems: [{ where: `--${option}`, ...problem }],
  });
}

/** Removes a trailing slash, which does not matter in a bucket. */
function withoutEnd(address: string): string {
  return isWebInput(address) ? address : withoutTrailingSlashes(address);
}

function isPlace(path: string): boolean {
  return isAddress(path) || isAbsolute(path);
}

/** Makes a path relative to the job file's folder. Addresses and absolute paths stay unchanged. */
function fromFolder(path: string, from: string, folder: string): string {
  if (isPlace(path)) return path;
  const stated = relative(folder, resolve(from, path));
  return stated.startsWith("..") ? stated : `./${stated}`;
}

/** Returns a path that does not exist yet. */
async function freeOutput(folder: string): Promise<string> {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? "./out" : `./out-${count}`;
    if (!(await isThere(resolve(folder, name)))) return name;
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}
