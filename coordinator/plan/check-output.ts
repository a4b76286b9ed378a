import { constants } from "node:fs";
import { access, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { messageOf, type Problem, ShardmillError } from "../../shared/core/errors.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { shownPath, splitPattern } from "../../shared/job-file/path-pattern.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { inspectOutput, outputOccupied } from "../publish/output-folder.ts";

/**
 * Whether the job could publish where it is told to, as far as looking shows it: nothing is written.
 *
 * @throws {SPEC_INVALID} when the input lies in the output folder: it would be published over
 * @throws {OUTPUT_OCCUPIED} when somebody's files are there, or a file is where a folder must be
 * @throws {OUTPUT_FAILED} when the folder cannot be read or written to
 */
export async function checkOutput({ input, output }: JobSpec): Promise<void> {
  await using storage = createLocalStorage();
  const found = await inspectOutput(parseLocation(output.path), storage);
  const real = await realPathOf(output.path);
  const inside: Problem[] = [];
  for (const path of input.path) if (await isInside(path, real)) inside.push(inputInside(path, output.path));
  if (inside.length > 0) {
    throw new ShardmillError("SPEC_INVALID", "the job would publish over its input", { problems: inside });
  }
  if (found.kind === "occupied") throw outputOccupied(output.path, found.entries);
  const folder = await nearestFolder(output.path);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw cannotWrite(output.path, folder, cause);
  }
}

/** What the job names itself, of a pattern the folder that it begins with. */
async function isInside(path: string, output: string): Promise<boolean> {
  const real = await realPathOf(splitPattern(path).literal);
  return real === output || real.startsWith(output === "/" ? output : `${output}/`);
}

/** Without links, as far as the path exists. */
async function realPathOf(path: string): Promise<string> {
  const real = await realpath(path).catch(() => null);
  if (real !== null || dirname(path) === path) return real ?? path;
  return join(await realPathOf(dirname(path)), basename(path));
}

async function nearestFolder(path: string): Promise<string> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere || dirname(path) === path ? path : nearestFolder(dirname(path));
}

function inputInside(path: string, output: string): Problem {
  return {
    where: "output.path",
    what: `the input ${shownPath(path)} lies in it`,
    expected: "a folder beside or below the input",
    found: output,
    hint: "choose another output.path",
  };
}

function cannotWrite(path: string, folder: string, cause: unknown): ShardmillError {
  return new ShardmillError("OUTPUT_FAILED", `the output folder cannot be written to: ${messageOf(cause)}`, {
    fields: { path },
    problems: [
      {
        where: "output.path",
        what: `nothing can be written to ${folder}: ${messageOf(cause)}`,
        hint: "choose an output.path that can be written to",
      },
    ],
    hint: "choose an output.path that can be written to",
    cause,
  });
}
