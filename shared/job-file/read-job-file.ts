import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, resolve } from "node:path";
import { errorCode } from "../core/errno.ts";
import { isShardmillError, messageOf, type Problem, ShardmillError } from "../core/errors.ts";
import { isGroup } from "../core/is-group.ts";
import { didYouMean } from "../core/nearest.ts";
import { formatBytes } from "../core/units.ts";
import { decodeDocument } from "../core/utf8.ts";
import { withoutSecrets } from "../core/without-secrets.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import { notAPath } from "../domain/location.ts";
import { checkJob, isProblems, renderFound } from "./check-job.ts";
import type { SpecProblem } from "./issue-problems.ts";
import { type KeyPath, parseKeyPath } from "./key-path.ts";
import { applyOverrides } from "./overrides.ts";
import type { SourceMap } from "./source-map.ts";
import { readYamlTree } from "./yaml-tree.ts";

/** Limit of a job file, which is a page of text. A larger file is another one by mistake. */
const MAX_JOB_FILE_BYTES = 1 << 20;
/** Limit of names in the hint for a folder that was given instead of a job file. */
const MAX_NAMES = 5;

export interface JobTextOptions {
  /** Path of the job file. Problems name it, and its folder is the base of relative paths. */
  readonly path: string;
  /** Arguments of `--set`, in order: `map.batch.rows=256`. */
  readonly set: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Checked job, with the place of each value in its file. */
export interface JobSource {
  readonly spec: JobSpec;
  /**
   * Adds the place in the file to problems that only have a key path (`map.inputs.image.column`). Returns
   * other errors unchanged.
   */
  withLines(error: unknown): unknown;
}

/**
 * Reads and checks a job file: see `docs/job-file.md`.
 *
 * @throws {SPEC_INVALID} with all problems at once: place, what, expected, found, hint
 */
export async function readJobFile(path: string, options: Omit<JobTextOptions, "path">): Promise<JobSpec> {
  return (await readJobSource(path, options)).spec;
}

/**
 * Reads a job file like `readJobFile`, and keeps the places of its values for problems found later.
 *
 * @throws {SPEC_INVALID} as `readJobFile`
 */
export async function readJobSource(path: string, options: Omit<JobTextOptions, "path">): Promise<JobSource> {
  return parseJobSource(textOfJob(path, await readBytes(path)), { path, ...options });
}

/**
 * Decodes a job file from any source.
 *
 * @throws {SPEC_INVALID} when it is too large for a job file, or not text
 */
export function textOfJob(path: string, bytes: Uint8Array): string {
  if (bytes.length > MAX_JOB_FILE_BYTES) throw tooBig(path, bytes.length);
  return utf8(path, bytes);
}

function utf8(path: string, bytes: Uint8Array): string {
  try {
    return decodeDocument(bytes);
  } catch (error) {
    throw refused(path, "the file is not UTF-8 text", {}, error);
  }
}

/**
 * Checks the text of a job file, like `readJobFile`.
 *
 * @throws {SPEC_INVALID} as `readJobFile`
 */
export function parseJobText(text: string, options: JobTextOptions): JobSpec {
  return parseJobSource(text, options).spec;
}

/**
 * Checks the text of a job file, like `readJobSource`.
 *
 * @throws {SPEC_INVALID} as `readJobFile`
 */
export function parseJobSource(text: string, options: JobTextOptions): JobSource {
  const tree = readYamlTree(text, options.path, options.env);
  if (tree.unreadable) throw invalid(options.path, tree.problems);
  const root = tree.value ?? {};
  const setProblems = isGroup(root) ? applyOverrides(root, options.set, tree.sourceMap) : [];
  const { sourceMap } = tree;
  const checked = checkJob(root, {
    defaultName: defaultJobName(options.path),
    folder: dirname(resolve(options.path)),
    placeOf: (path) => sourceMap.order(path),
    found: (path, value) => {
      const reference = sourceMap.reference(path);
      return reference === null ? renderFound(value) : `${renderFound(reference)}, from the environment`;
    },
  });
  const schemaProblems = isProblems(checked) ? placed(checked, sourceMap, tree.faulty) : [];
  const problems = [...tree.problems, ...schemaProblems, ...setProblems];
  if (isProblems(checked) || problems.length > 0) throw invalid(options.path, problems);
  return { spec: checked, withLines: (error) => withLines(error, sourceMap) };
}

/**
 * Returns the default name, made safe for paths: the folder's name if the file's is `job`, else the file's.
 */
function defaultJobName(path: string): string {
  const stem = basename(path, extname(path));
  const name = stem === "job" ? basename(dirname(resolve(path))) : stem;
  const safe = name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[._-]+/, "");
  return safe === "" ? "job" : safe.slice(0, 100);
}

/** Adds places to problems, in the order of the file. Drops problems of values that already have one. */
function placed(
  problems: readonly SpecProblem[],
  sourceMap: SourceMap,
  faulty: readonly KeyPath[],
): readonly Problem[] {
  const isKnown = (path: KeyPath): boolean =>
    faulty.some((known) => known.length <= path.length && known.every((key, index) => key === path[index]));
  return problems
    .filter(({ path }) => !isKnown(path))
    .map((problem) => ({ problem, offset: sourceMap.offset(problem.path, problem.part) }))
    .sort((a, b) => a.offset - b.offset)
    .map(({ problem: { path, part, ...rest } }) => ({
      where: withoutSecrets(sourceMap.where(path, part)),
      ...rest,
    }));
}

function withLines(error: unknown, sourceMap: SourceMap): unknown {
  if (!isShardmillError(error) || error.problems.length === 0) return error;
  const problems = error.problems.map((problem) => {
    // A place inside the value may follow, as in `reduce.x.final line 2 column 7`.
    const [, keys = "", inside = ""] = /^(.*?)( line \d+ column \d+)?$/s.exec(problem.where) ?? [];
    const key = parseKeyPath(keys);
    const isOfJob = key !== null && key.end === keys.length && sourceMap.knows(key.path);
    return isOfJob ? { ...problem, where: `${sourceMap.where(key.path, "value")}${inside}` } : problem;
  });
  const { code, message, fields, hint, cause } = error;
  return new ShardmillError(code, message, {
    fields,
    problems,
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

/**
 * Reads the text of a job file without checking it.
 *
 * @throws {SPEC_INVALID} when there is no file, or it is not text
 */
export async function readJobText(path: string): Promise<string> {
  return utf8(path, await readBytes(path));
}

async function readBytes(path: string): Promise<Uint8Array> {
  const refuse = (what: string, details: Partial<Problem> = {}, cause?: unknown): ShardmillError =>
    refused(path, what, details, cause);
  const odd = notAPath(path);
  if (odd !== null) throw refuse(odd.what, odd);
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw refuse("this is a folder", { hint: await namesIn(path) });
    if (found.size > MAX_JOB_FILE_BYTES) throw tooBig(path, found.size);
    return await readFile(path);
  } catch (error) {
    if (isShardmillError(error)) throw error;
    if (!isMissing(error)) throw refuse(`the file cannot be read: ${messageOf(error)}`, {}, error);
    throw refuse("there is no such file", await nearHint(path), error);
  }
}

function refused(path: string, what: string, details: Partial<Problem>, cause?: unknown): ShardmillError {
  return invalid(path, [{ where: path, what, expected: "a job file in YAML", ...details }], cause);
}

function tooBig(path: string, bytes: number): ShardmillError {
  const expected = `at most ${formatBytes(MAX_JOB_FILE_BYTES)}`;
  return refused(path, `too big for a job file: ${formatBytes(bytes)}`, { expected });
}

function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "");
}

async function nearHint(path: string): Promise<{ readonly hint?: string }> {
  const folder = dirname(resolve(path));
  const names = await readdir(folder).catch(() => null);
  return names === null
    ? { hint: `the folder ${folder} is not there either` }
    : didYouMean(basename(path), names);
}

async function namesIn(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name)).sort();
  return names.length === 0
    ? "name the job file itself: no file in this folder ends in .yaml"
    : `name the job file itself: ${names.slice(0, MAX_NAMES).join(", ")}`;
}

function invalid(path: string, problems: readonly Problem[], cause?: unknown): ShardmillError {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return new ShardmillError("SPEC_INVALID", `the job file has ${count}`, {
    fields: { path },
    problems,
    cause,
  });
}
