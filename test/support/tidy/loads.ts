import { type Finding, loadedBy, type SourceFile } from "./source-file.ts";

/**
 * Packages that a thread or a process of a job does not need before its work. It would load them at each
 * start: the job file's schema, the wire, and the clouds' libraries.
 */
const NOT_AT_START = /^(zod|yaml|yargs|@grpc\/.*|@aws-sdk\/.*|@smithy\/.*|google-auth-library)$/;

/** Scripts that use gRPC from the start. */
const MAY_LOAD_ALL = new Set(["coordinator/grpc/port-thread.ts"]);

/** Finds scripts, started as threads or processes, that load such a package before they receive any work. */
export function findHeavyStarts(files: readonly SourceFile[]): Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return startedScripts(files).flatMap((script) => {
    const way = MAY_LOAD_ALL.has(script) ? null : wayToHeavy(script, byPath);
    return way === null ? [] : [{ path: script, line: 1, rule: `loads at its start ${way.join(" by ")}` }];
  });
}

/** Finds scripts with a permission that they do not need. */
export function findUnusedStarts(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return [...MAY_LOAD_ALL].filter((script) => wayToHeavy(script, byPath) === null);
}

function startedScripts(files: readonly SourceFile[]): readonly string[] {
  const started = files.flatMap(({ path, text }) =>
    /^(test|bench|fault)\//.test(path)
      ? []
      : [...text.matchAll(/compiledUrl\("([^"]+)"\)/g)].map(([, script = ""]) => script),
  );
  return [...new Set(started)].sort();
}

/** Returns the package, and the files that lead from the script to it, starting at the package. */
function wayToHeavy(script: string, byPath: ReadonlyMap<string, SourceFile>): readonly string[] | null {
  const from = new Map<string, string | null>([[script, null]]);
  for (const [path] of from) {
    for (const { specifier, typeOnly, isDynamic } of byPath.get(path)?.imports ?? []) {
      if (typeOnly || isDynamic) continue;
      const target = loadedBy(path, specifier);
      if (target === null && NOT_AT_START.test(specifier)) return [specifier, ...wayBack(path, from)];
      if (target !== null && !from.has(target)) from.set(target, path);
    }
  }
  return null;
}

function wayBack(path: string, from: ReadonlyMap<string, string | null>): readonly string[] {
  const before = from.get(path) ?? null;
  return before === null ? [] : [path, ...wayBack(before, from)];
}
