import { lstat } from "node:fs/promises";
import { isAbsolute, relative, resolve } from "node:path";
import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { withoutTrailingSlashes } from "../../shared/core/without-slashes.ts";
import { isAddress, isWebInput, notAFilePlace, notAnInput } from "../../shared/domain/location.ts";
import { literalFolder, literalPattern } from "../../shared/job-file/path-pattern.ts";
import type { DraftPaths } from "./draft-yaml.ts";

interface GivenPaths {
  readonly model: string;
  readonly input: readonly string[];
}

interface FoundPaths {
  /** As they stand in the job file. */
  readonly written: Omit<DraftPaths, "job" | "folder">;
  /** Of the input, absolute. */
  readonly patterns: readonly string[];
  /** Of the model, absolute. */
  readonly model: string;
}

/**
 * What is given on a command line, as a job file in `folder` names it. A name that is there is meant as it
 * is, whatever characters it has; another may be a pattern.
 *
 * @throws {ARGUMENT_INVALID} for what can be no path
 */
export async function draftPaths({ model, input }: GivenPaths, folder: string): Promise<FoundPaths> {
  refuse("model", notAFilePlace(model));
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
      model: fromFolder(model, process.cwd(), folder),
      input: only !== undefined && more.length === 0 ? only : inFile,
      output: await freeOutput(folder),
    },
    patterns: patterns.map((pattern) =>
      isPlace(pattern) ? pattern : resolve(literalFolder(process.cwd()), pattern),
    ),
    model: isAddress(model) ? withoutEnd(model) : resolve(model),
  };
}

/** What an address that is none has in it may be a secret: it is not shown. */
function refuse(option: string, problem: Omit<Problem, "where"> | null): void {
  if (problem === null) return;
  throw new ShardmillError("ARGUMENT_INVALID", `--${option} names no place`, {
    fields: { option },
    problems: [{ where: `--${option}`, ...problem }],
  });
}

/** In a bucket a folder is the same with a slash behind it. */
function withoutEnd(address: string): string {
  return isWebInput(address) ? address : withoutTrailingSlashes(address);
}

function isPlace(path: string): boolean {
  return isAddress(path) || isAbsolute(path);
}

/** Addresses and absolute paths stay so; others are told from the job file's folder. */
function fromFolder(path: string, from: string, folder: string): string {
  if (isPlace(path)) return path;
  const told = relative(folder, resolve(from, path));
  return told.startsWith("..") ? told : `./${told}`;
}

/** A place that nothing is at yet. */
async function freeOutput(folder: string): Promise<string> {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? "./out" : `./out-${count}`;
    if (!(await isThere(resolve(folder, name)))) return name;
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}
