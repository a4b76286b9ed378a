import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SKIPPED = new Set(["node_modules", "dist", "coverage", "out"]);

/**
 * Returns the project's own files below `folder` that end in `extension`, from the root, with `/`, sorted.
 */
export function listFiles(root: string, extension: string, folder = ""): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith(".") && !SKIPPED.has(name))
    .flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return listFiles(root, extension, path);
      return path.endsWith(extension) ? [path] : [];
    })
    .sort();
}

export function readFiles(root: string, extension: string): Map<string, string> {
  return new Map(listFiles(root, extension).map((path) => [path, readFileSync(join(root, path), "utf8")]));
}
