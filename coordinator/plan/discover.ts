import { realpath, stat } from "node:fs/promises";
import { extname } from "node:path";
import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { DatasetFormat } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { FORMAT_OF_EXTENSION } from "./data-extensions.ts";
import { listPath } from "./list-path.ts";

/** An input file as it was found: not yet opened. */
export interface FoundFile {
  /** Absolute. */
  readonly path: string;
  readonly format: DatasetFormat;
  readonly bytes: number;
  readonly mtimeMs: number;
}

/** A stat is a round trip on a network file system: many at once, but not so many as to flood it. */
const STATS_AT_ONCE = 16;

/** Enough to see the pattern; a thousand lines would hide it. */
const PROBLEM_LIMIT = 20;

/**
 * The input's files, sorted by path, each once even if several names lead to it.
 *
 * @param paths absolute: files, folders (walked for data files; names that start with `.` or `_` are left out), globs
 * @throws {INPUT_NOT_FOUND} for every path that leads to nothing, all at once
 */
export async function discoverFiles(
  paths: readonly string[],
  format: JobSpec["input"]["format"],
  signal: AbortSignal,
): Promise<FoundFile[]> {
  const problems: Problem[] = [];
  const candidates = new Set<string>();
  for (const path of paths) {
    const listed = await listPath(path, format, signal);
    if (listed.kind === "nothing") problems.push(listed.problem);
    else for (const file of listed.files) candidates.add(file);
  }
  const sorted = [...candidates].sort(byCodeUnits);
  const found = await mapConcurrent(sorted, STATS_AT_ONCE, async (path) => {
    signal.throwIfAborted();
    return inspect(path, format);
  });
  for (const file of found) if (file.kind === "problem") problems.push(file.problem);
  if (problems.length > 0) throw notFound(problems);
  return withoutTwins(found.filter((file) => file.kind === "file"));
}

type Inspected =
  | { readonly kind: "file"; readonly file: FoundFile; readonly realPath: string }
  | { readonly kind: "problem"; readonly problem: Problem };

async function inspect(path: string, format: JobSpec["input"]["format"]): Promise<Inspected> {
  const formatHere = format === "auto" ? FORMAT_OF_EXTENSION[extname(path).toLowerCase()] : format;
  if (formatHere === undefined) {
    const extension = extname(path);
    return problem({
      where: path,
      what: extension === "" ? "its name has no extension" : `its extension ${extension} says no format`,
      expected: Object.keys(FORMAT_OF_EXTENSION).join(", "),
      found: extension === "" ? "none" : extension,
      hint: "set input.format to parquet or arrow",
    });
  }
  try {
    const [stats, realPath] = await Promise.all([stat(path), realpath(path)]);
    if (!stats.isFile()) return problem({ where: path, what: "is neither a file nor a folder" });
    const { size: bytes, mtimeMs } = stats;
    return { kind: "file", file: { path, format: formatHere, bytes, mtimeMs }, realPath };
  } catch (error) {
    return problem({ where: path, what: `cannot be read: ${(error as Error).message}` });
  }
}

function problem(problem: Problem): Inspected {
  return { kind: "problem", problem };
}

/** Of several names for one file, the first stays. */
function withoutTwins(found: readonly Extract<Inspected, { kind: "file" }>[]): FoundFile[] {
  const seen = new Set<string>();
  return found.filter(({ realPath }) => !seen.has(realPath) && seen.add(realPath)).map(({ file }) => file);
}

function notFound(problems: readonly Problem[]): ShardmillError {
  const [first] = problems;
  const more = problems.length > PROBLEM_LIMIT ? ` (the first ${PROBLEM_LIMIT} are listed)` : "";
  const message =
    problems.length === 1 && first !== undefined
      ? `input ${first.where}: ${first.what}`
      : `${problems.length} input paths lead to no data${more}`;
  return new ShardmillError("INPUT_NOT_FOUND", message, {
    fields: { paths: problems.length, path: first?.where ?? "" },
    problems: problems.slice(0, PROBLEM_LIMIT),
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
  });
}

/** The same order on every machine, whatever its locale. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
