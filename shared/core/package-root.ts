import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Folder of Shardmill's own package.json, for compiled code in dist/ and for source under a test. */
export const packageRoot: string = findUp(dirname(fileURLToPath(import.meta.url)));

/** Version in package.json. A worker and a coordinator compare it when they connect. */
export const buildVersion: string = JSON.parse(
  readFileSync(join(packageRoot, "package.json"), "utf8"),
).version;

function findUp(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error("broken invariant: no package.json above the code");
  return findUp(parent);
}

/** Folder of compiled code: the bundle for code in the bundle (scripts/bundle.mjs), else tsc's output. */
const compiledFolder = relative(packageRoot, fileURLToPath(import.meta.url)).startsWith(
  join("dist", "bundle"),
)
  ? join("dist", "bundle")
  : "dist";

/**
 * Returns the URL of the compiled twin of `source`, a path such as `worker/lanes/lane-thread.ts`. Threads and
 * child processes load only JavaScript. The bundle includes every path in calls of this function in `cli/`,
 * `coordinator/`, `extensions/`, `shared/` and `worker/`.
 */
export function compiledUrl(source: string): URL {
  return pathToFileURL(join(packageRoot, compiledFolder, source.replace(/\.ts$/, ".js")));
}

/**
 * Returns the version of an installed dependency, from the package.json above its entry point. Some packages
 * do not export their package.json. Some have others below it, without a version.
 */
export function packageVersion(name: string): string {
  let folder = findUp(dirname(createRequire(import.meta.url).resolve(name)));
  for (;;) {
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    if (version !== undefined) return version;
    folder = findUp(dirname(folder));
  }
}
