import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { messageOf, type Problem } from "../../shared/core/errors.ts";
import { nearest } from "../../shared/core/nearest.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { extensionsOf } from "./data-extensions.ts";

export type ListedPath =
  | { readonly kind: "files"; readonly files: readonly string[] }
  | { readonly kind: "nothing"; readonly problem: Problem };

/** How many names a message shows of what is there instead. */
const SHOWN_NAMES = 5;

/** The files that one path of the job stands for: itself, a folder's data files, or a glob's matches. */
export async function listPath(
  path: string,
  format: JobSpec["input"]["format"],
  signal: AbortSignal,
): Promise<ListedPath> {
  signal.throwIfAborted();
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  // A file may be called `a[1].parquet`: what is there under the name as written comes first.
  if (!(found instanceof Error)) {
    return found.isDirectory() ? listFolder(path, format, signal) : { kind: "files", files: [path] };
  }
  if (isDynamicPattern(path)) return listGlob(path, format, signal);
  const isMissing = found.code === "ENOENT" || found.code === "ENOTDIR";
  if (!isMissing) return nothing({ where: path, what: `cannot be read: ${messageOf(found)}` });
  return nothing({ where: path, what: "there is no such file or folder", hint: await nearHint(path) });
}

async function listFolder(
  folder: string,
  format: JobSpec["input"]["format"],
  signal: AbortSignal,
): Promise<ListedPath> {
  const files: string[] = [];
  const others: string[] = [];
  const folders = [folder];
  for (let current = folders.pop(); current !== undefined; current = folders.pop()) {
    signal.throwIfAborted();
    let entries: Awaited<ReturnType<typeof readEntries>>;
    try {
      entries = await readEntries(current);
    } catch (error) {
      return nothing({ where: current, what: `cannot be listed: ${messageOf(error)}` });
    }
    for (const { path, name, isFolder } of entries) {
      if (name.startsWith(".") || name.startsWith("_")) continue;
      if (isFolder) folders.push(path);
      else if (isData(name, format)) files.push(path);
      else others.push(path.slice(folder.length + 1));
    }
  }
  if (files.length > 0) return { kind: "files", files };
  const shown = others.sort().slice(0, SHOWN_NAMES).join(", ");
  return nothing({
    where: folder,
    what: `the folder holds no ${format === "auto" ? "Parquet or Arrow" : format} files`,
    expected: extensionsOf(format)
      .map((extension) => `*${extension}`)
      .join(", "),
    found: others.length === 0 ? "no files" : `${others.length} other files, such as ${shown}`,
    hint:
      others.length === 0
        ? "names that start with . or _ are left out"
        : "name the files themselves, with a glob, and set input.format",
  });
}

/** Follows links to files but not to folders, which could lead round in circles. */
async function readEntries(folder: string): Promise<{ path: string; name: string; isFolder: boolean }[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.map((entry) => ({
    path: join(folder, entry.name),
    name: entry.name,
    isFolder: entry.isDirectory(),
  }));
}

function isData(name: string, format: JobSpec["input"]["format"]): boolean {
  return extensionsOf(format).includes(extname(name).toLowerCase());
}

async function listGlob(
  pattern: string,
  format: JobSpec["input"]["format"],
  signal: AbortSignal,
): Promise<ListedPath> {
  const base = globBase(pattern);
  const options = {
    absolute: true,
    // From there on: the way to it may lead over links to folders, which are not followed after it.
    cwd: base,
    onlyFiles: true,
    expandDirectories: false,
    followSymbolicLinks: false,
    signal,
  };
  const files = await glob(pattern.slice(base === "/" ? 1 : base.length + 1), { ...options, dot: false });
  if (files.length > 0) return { kind: "files", files };
  const isThere = await stat(base).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isThere) {
    const what = `no file matches, and its folder ${base} is not there`;
    return nothing({ where: pattern, what, hint: await nearHint(base) });
  }
  const inFolder = await listFolder(base, format, signal);
  const names =
    inFolder.kind === "files" ? inFolder.files.map((file) => file.slice(base.length + 1)).sort() : [];
  const found =
    inFolder.kind === "files"
      ? `${names.length} data files, such as ${names.slice(0, SHOWN_NAMES).join(", ")}`
      : (inFolder.problem.found ?? "nothing");
  return nothing({ where: pattern, what: `no file matches in ${base}`, found, hint: "check the pattern" });
}

/** What may mean more than itself in a pattern: a brace may reach over several segments. */
const SPECIAL = /[*?[\]{}()!+@|\\]/;

/** The folder that a pattern starts from: what is before the first name that is not plain. */
function globBase(pattern: string): string {
  const segments = pattern.split("/");
  const wild = segments.findIndex((segment) => SPECIAL.test(segment));
  return segments.slice(0, wild).join("/") || "/";
}

async function nearHint(path: string): Promise<string> {
  const names = await readdir(dirname(path)).catch(() => null);
  if (names === null) return `the folder ${dirname(path)} is not there either`;
  const near = nearest(basename(path), names);
  return near === undefined ? `look in ${dirname(path)}` : `did you mean \`${near}\`?`;
}

function nothing(problem: Problem): ListedPath {
  return { kind: "nothing", problem };
}
