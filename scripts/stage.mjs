// Copies the files of the package into a folder: node scripts/stage.mjs FOLDER. In its pages, a link to a
// file outside the package becomes plain text. `npm run pack` packs that folder.
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, posix, resolve } from "node:path";
import { root } from "./step.mjs";

const [, , target] = process.argv;
if (target === undefined) {
  console.error("usage: node scripts/stage.mjs FOLDER");
  process.exit(2);
}
const options = { cwd: root, encoding: "utf8", shell: process.platform === "win32", maxBuffer: 1 << 26 };
const [{ files }] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json"], options));
const paths = new Set(files.flatMap(({ path }) => [path, ...foldersOf(path)]));

rmSync(target, { recursive: true, force: true });
for (const { path } of files) {
  const copy = resolve(target, path);
  cpSync(join(root, path), copy);
  if (path.endsWith(".md")) writeFileSync(copy, withoutDeadLinks(readFileSync(copy, "utf8"), path));
}

function foldersOf(path) {
  const parent = posix.dirname(path);
  return parent === "." ? [] : [parent, ...foldersOf(parent)];
}

function withoutDeadLinks(text, page) {
  return text.replace(/(?<!!)\[([^[\]]*)\]\(([^()\s]+)\)/g, (link, label, address) => {
    if (/^(#|\w+:)/.test(address)) return link;
    const path = posix.join(posix.dirname(page), address.replace(/#.*/, "")).replace(/\/$/, "");
    return paths.has(path) ? link : label;
  });
}
