import { isAbsolute, resolve } from "node:path";
import { ShardmillError } from "../core/errors.ts";
import { isGroup } from "../core/is-group.ts";
import { withoutSecrets } from "../core/without-secrets.ts";
import { withoutTrailingSlashes } from "../core/without-slashes.ts";
import { PARSED_ONCE } from "../core/zod.ts";
import { JOB_RUNS } from "../domain/job-runs.ts";
import { JOB_FILE_SCHEMA, type JobSpec } from "../domain/job-spec.ts";
import { withStages } from "../domain/job-stages.ts";
import { isAddress, isWebInput } from "../domain/location.ts";
import { withFolders } from "../domain/map-folders.ts";
import { issueProblems, type SpecProblem } from "./issue-problems.ts";
import { accepts, knownKeys, schemaAt } from "./json-schema.ts";
import { formatKeyPath, type KeyPath } from "./key-path.ts";
import { withFiles, withReductionFiles, withStageModels, withTableFiles } from "./map-files.ts";
import { literalFolder } from "./path-pattern.ts";

const MAX_FOUND_CHARS = 60;

interface CheckOptions {
  /** Name for a job without one. */
  readonly defaultName: string;
  /** Base folder of relative paths. */
  readonly folder: string;
  /**
   * Returns the position of the value at a path. Objects do not keep the order in which their keys were
   * written.
   */
  readonly placeOf?: (path: KeyPath) => number;
  /** Renders a value for a message. */
  readonly found?: (path: KeyPath, value: unknown) => string;
}

/** Checks all values of a job. Returns the frozen spec, or all problems. */
export function checkJob(value: unknown, options: CheckOptions): JobSpec | readonly SpecProblem[] {
  const root = withOwnInput(withoutNulls(value ?? {}, []));
  const parsed = JOB_FILE_SCHEMA.safeParse(root, PARSED_ONCE);
  if (!parsed.success) {
    return issueProblems(parsed.error.issues, root, options.found ?? ((_path, found) => renderFound(found)));
  }
  const { name, input, model, map, reduce, output, work, stores, ...rest } = parsed.data;
  const absolute = (path: string): string => absolutePath(path, options.folder);
  return deepFreeze({
    name: name ?? options.defaultName,
    // Wildcards and `=` in the folder's own name have no meaning.
    input: { ...input, path: input.path.map((path) => absolutePath(path, literalFolder(options.folder))) },
    ...(model === undefined ? {} : { model: { ...model, path: absolute(model.path) } }),
    map: withFiles(
      withStages(withStageModels(map, absolute), (part, index) => {
        const path = map.stages === undefined ? ["map"] : ["map", "stages", index];
        const named = withFolders(part, (value) => ({ ...value, folder: absolute(value.folder) }));
        return inOrder(named, path, options);
      }),
      absolute,
    ),
    reduce: withReductionFiles(reduce, absolute),
    ...rest,
    ...withTableFiles(rest, absolute),
    output: { ...output, path: absolute(output.path) },
    stores: withCertificates(stores, absolute),
    ...(work === undefined ? {} : { work: withWorkPath(work, absolute) }),
  });
}

/**
 * Checks a job spec from JSON (a message, or a job's own files) like a job file.
 *
 * @throws {SPEC_INVALID} with all problems, each with its key path
 */
export function checkJobSpec(value: unknown): JobSpec {
  const checked = checkJob(value, { defaultName: "job", folder: "/" });
  if (!isProblems(checked)) return checked;
  const problems = checked.map(({ path, part: _part, ...rest }) => ({
    where: withoutSecrets(formatKeyPath(path)) || "job",
    ...rest,
  }));
  throw new ShardmillError("SPEC_INVALID", "the job spec is not valid", { problems });
}

export function isProblems(checked: JobSpec | readonly SpecProblem[]): checked is readonly SpecProblem[] {
  return Array.isArray(checked);
}

/** Renders a value briefly: `"rows"`, `a list of 3`, `a group of keys (a, b)`. */
export function renderFound(value: unknown): string {
  if (value === null) return "nothing";
  if (typeof value === "string") {
    const shown = withoutSecrets(value);
    const isLong = shown.length > MAX_FOUND_CHARS;
    return JSON.stringify(isLong ? `${shown.slice(0, MAX_FOUND_CHARS)}...` : shown);
  }
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (isGroup(value)) {
    const keys = Object.keys(value).join(", ");
    const shown = keys.length > MAX_FOUND_CHARS ? `${keys.slice(0, MAX_FOUND_CHARS)}...` : keys;
    return keys === "" ? "an empty group of keys" : `a group of keys (${shown})`;
  }
  return String(value);
}

/**
 * Removes keys without a value, such as `reduce:` with everything below it commented out. Removes only keys
 * of the schema: a user's name without a value is a mistake. YAML's `.nan` and `.inf` become text where the
 * schema accepts text, because JSON has no such numbers.
 */
function withoutNulls(value: unknown, path: KeyPath): unknown {
  if (Array.isArray(value)) return value.map((item, index) => withoutNulls(item, [...path, index]));
  if (typeof value === "number" && !Number.isFinite(value) && accepts(schemaAt(path), "string"))
    return String(value);
  if (!isGroup(value)) return value;
  const kept: [string, unknown][] = [];
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null && knownKeys(schemaAt(path)).includes(key)) continue;
    kept.push([key, withoutNulls(inner, [...path, key])]);
  }
  return Object.fromEntries(kept);
}

/** Sets `input.path` if the job's runs have an input of their own. */
function withOwnInput(root: unknown): unknown {
  const runs = isGroup(root) && JOB_RUNS !== null ? root[JOB_RUNS.key] : undefined;
  if (JOB_RUNS === null || !isGroup(root) || !isGroup(runs) || runs[JOB_RUNS.input.key] === undefined)
    return root;
  const { input = {} } = root;
  if (!isGroup(input) || input.path !== undefined) return root;
  return { ...root, input: { ...input, path: JOB_RUNS.input.path } };
}

/** Returns a map with its outputs in the order in which they were written. */
function inOrder<Part extends Pick<JobSpec["map"], "outputs">>(
  map: Part,
  path: KeyPath,
  { placeOf = () => 0 }: CheckOptions,
): Part {
  const at = (column: string): number => placeOf([...path, "outputs", column]);
  return { ...map, outputs: map.outputs.toSorted((a, b) => at(a.column) - at(b.column)) };
}

function withCertificates(stores: JobSpec["stores"], rename: (path: string) => string): JobSpec["stores"] {
  const renamed = Object.entries(stores).map(([name, store]) => {
    return [name, store.ca === undefined ? store : { ...store, ca: rename(store.ca) }] as const;
  });
  return Object.fromEntries(renamed);
}

function withWorkPath(
  work: NonNullable<JobSpec["work"]>,
  rename: (path: string) => string,
): NonNullable<JobSpec["work"]> {
  return work.path === undefined ? work : { ...work, path: rename(work.path) };
}

function absolutePath(path: string, folder: string): string {
  if (isWebInput(path)) return path;
  // Stores have no folders, so a trailing slash changes nothing.
  if (isAddress(path)) return withoutTrailingSlashes(path);
  return isAbsolute(path) ? path : resolve(folder, path);
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === "object" && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
