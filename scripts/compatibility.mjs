// Runs this version together with the previous one. Takes the previous tree out of git, then installs and
// builds it in .scratch/. The tests of test/external/compatibility mix real processes of both. A second copy
// maps rows in another way, like a version that changed the mapping. Needs a clone with history.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, step } from "./step.mjs";

/**
 * Commit of the previous version: of the last release, once there is one. Until then it is the newest commit
 * with this mapping and layout of outputs. Earlier commits carry no promise.
 */
const BEFORE = "49fdd0bbfa04e14c5ac3e2330f5749b4ecd04410";

if (spawnSync("git", ["cat-file", "-e", `${BEFORE}^{commit}`], { cwd: root }).status !== 0) {
  console.error(
    `commit ${BEFORE} of the previous version is missing in this clone: run git fetch --unshallow (or --tags)`,
  );
  process.exit(1);
}

/** @param change change of the sources before the build */
function build(folder, change = () => {}) {
  const done = join(folder, "built");
  if (existsSync(done)) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const archive = `${folder}.tar`;
  step("git", ["archive", "--format=tar", "-o", archive, BEFORE]);
  step("tar", ["-xf", archive, "-C", folder]);
  rmSync(archive);
  const lock = (at) => readFileSync(join(at, "package-lock.json"), "utf8");
  // With an equal lock file, the installed packages here can be shared.
  if (lock(folder) === lock(root)) symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  else step("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  change();
  // Builds all that the command line runs.
  step(process.execPath, [join("scripts", "bundle.mjs")], { cwd: folder });
  writeFileSync(done, "");
}

const place = join(root, ".scratch", "compatibility", BEFORE.slice(0, 12));
const [before, other] = [join(place, "before"), join(place, "other-mapping")];
build(before);
build(other, () => {
  const path = join(other, "shared", "core", "mapping.ts");
  const source = readFileSync(path, "utf8");
  const changed = source.replace(/const MAPPING = \d+;/, "const MAPPING = 1_001;");
  if (changed === source) throw new Error(`${path} has no MAPPING`);
  writeFileSync(path, changed);
});

const main = join("dist", "bundle", "cli", "main.js");
step("npx", ["vitest", "run", "--project", "compatibility", ...process.argv.slice(2)], {
  env: { SHARDMILL_BEFORE: join(before, main), SHARDMILL_OTHER_MAPPING: join(other, main) },
});
