// Runs unit and contract tests on another major version of Node.js: node scripts/other-node.mjs 22 [vitest
// options]. Its binary is an npm package, fetched once into .scratch/. The build and the installed packages
// are this version's.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root, step } from "./step.mjs";

/** Exact versions, so that a failing test was not changed by a release of Node.js. */
const VERSIONS = { 22: "22.23.5", 24: "24.22.3" };

const [major = "", ...rest] = process.argv.slice(2);
const version = VERSIONS[major];
if (version === undefined) {
  console.error(`usage: node scripts/other-node.mjs ${Object.keys(VERSIONS).join("|")} [vitest options]`);
  process.exit(2);
}
const prefix = join(root, ".scratch", `node-${version}`);
const name = `node-${process.platform}-${process.arch}`;
const bin = join(prefix, "node_modules", name, "bin");
if (!existsSync(bin) || readdirSync(bin).length === 0) {
  const quiet = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
  step("npm", ["install", "--prefix", prefix, ...quiet, `${name}@${version}`]);
}
const projects = rest.some((option) => option.startsWith("--project"))
  ? []
  : ["--project", "test-unit", "--project", "test-machine", "--project", "test-seams"];
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
// Tests start processes with the current Node.js, and some with the first one in the path.
step(join(bin, "node"), [vitest, "run", ...projects, ...rest], {
  env: { PATH: `${bin}:${process.env.PATH}` },
});
