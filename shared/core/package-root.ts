import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * The folder of Shardmill's own package.json, whether this runs compiled from dist/ or from source under a
 * test.
 */
export const packageRoot: string = findUp(dirname(fileURLToPath(import.meta.url)));

/** The version in package.json: what a worker and a coordinator compare when they meet. */
export const buildVersion: string = JSON.parse(
  readFileSync(join(packageRoot, "package.json"), "utf8"),
).version;

function findUp(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error("broken invariant: no package.json above the code");
  return findUp(parent);
}

/**
 * Where compiled code is: the bundle for what runs from the bundle (scripts/bundle.mjs), else what tsc made.
 */
const compiledFolder = relative(packageRoot, fileURLToPath(import.meta.url)).startsWith(
  join("dist", "bundle"),
)
  ? join("dist", "bundle")
  : "dist";

/**
 * The compiled twin of `source`, a path from the package's folder (`worker/lanes/lane-thread.ts`): what a
 * thread or a child process loads, which is JavaScript only. The bundle has every one that is named by a call
 * of this in `cli/`, `coordinator/`, `extensions/`, `shared/` and `worker/`.
 */
export function compiledUrl(source: string): URL {
  return pathToFileURL(join(packageRoot, compiledFolder, source.replace(/\.ts$/, ".js")));
}

/**
 * The version of an installed dependency, found above its entry point: not every package lets its
 * package.json be imported, and some have others below it, without a version.
 */
export function packageVersion(name: string): string {
  let folder = findUp(dirname(createRequire(import.meta.url).resolve(name)));
  for (;;) {
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    if (version !== undefined) return version;
    folder = findUp(dirname(folder));
  }
}
