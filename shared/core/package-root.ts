import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The folder of Shardmill's own package.json, whether this runs compiled from dist/ or from source under a test. */
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
 * The compiled twin of `specifier` (`./lane-thread.ts`), seen from the module `from` (its `import.meta.url`).
 * A thread or a child process loads JavaScript only; from dist/ that is the sibling itself, from source (under vitest)
 * it is the file of the same name in dist/.
 */
export function compiledUrl(specifier: string, from: string): URL {
  const path = fileURLToPath(new URL(specifier, from)).replace(/\.ts$/, ".js");
  const inside = relative(packageRoot, path);
  return pathToFileURL(inside.startsWith("dist") ? path : join(packageRoot, "dist", inside));
}

/** The version of an installed dependency, found above its entry point: not every package lets its package.json be imported. */
export function packageVersion(name: string): string {
  const folder = findUp(dirname(createRequire(import.meta.url).resolve(name)));
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version ?? "";
}
