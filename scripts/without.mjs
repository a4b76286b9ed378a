// Deletes an extension in a copy of this tree: its folder, its tests and its entry in the list. Then builds
// the rest, and runs its unit and contract tests and the digits job: node scripts/without.mjs [NAME ...].
// Without a name, the number of submissions selects the extension.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { root, step } from "./step.mjs";

/** Folders whose files are deleted when they import the extension, directly or through others. */
const OF_EXTENSIONS = /^(test|bench|examples|fault)\//;

/** Store whose addresses the engine's tests use. Without it, the stand-in has them (package.json). */
const STOOD_IN_FOR = "s3";
const standIn = { env: { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --conditions=stand-in` } };

function git(...args) {
  const { stdout, status } = spawnSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`git ${args.join(" ")} ended with ${status}`);
  return stdout.split("\0").filter((name) => name !== "");
}

function extensions() {
  const folders = readdirSync(join(root, "extensions"), { withFileTypes: true });
  return folders
    .filter(
      (entry) => entry.isDirectory() && existsSync(join(root, "extensions", entry.name, "extension.ts")),
    )
    .map(({ name }) => name)
    .sort();
}

/** Source of the package's exports to users' code: a file of an extension. */
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const API = exports["."].types.replace(/^\.\/dist\/(.*)\.d\.ts$/, "$1.ts");

/** Lists the files that a TypeScript file imports, by their paths from the root. */
function importsOf(path) {
  const text = readFileSync(join(root, path), "utf8");
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)];
  const files = found.map(([, specifier]) => normalize(join(dirname(path), specifier)));
  return /^import .* from "shardmill";$/m.test(text) ? [...files, API] : files;
}

/** Lists the files that are deleted with an extension. */
function filesOf(name, files) {
  const own = (path) => path.startsWith(`extensions/${name}/`) || path.startsWith(`test/extensions/${name}/`);
  const gone = new Set(files.filter(own));
  const others = files.filter((path) => OF_EXTENSIONS.test(path) && /\.tsx?$/.test(path));
  const imports = new Map(others.map((path) => [path, importsOf(path)]));
  for (let before = -1; before !== gone.size; ) {
    before = gone.size;
    for (const [path, targets] of imports) if (targets.some((target) => gone.has(target))) gone.add(path);
  }
  return gone;
}

function removeFromList(path, name) {
  const text = readFileSync(path, "utf8");
  // A folder's name may be invalid for a variable.
  const [line, entry] = new RegExp(`^import \\{ (\\w+) \\} from "./${name}/extension.ts";\n`, "m").exec(text);
  const shorter = text.replace(line, "").replace(/(Extension\[\] = )\[([^\]]*)\]/, (_, begin, names) => {
    const left = names.split(",").map((each) => each.trim());
    return `${begin}[${left.filter((each) => each !== "" && each !== entry).join(", ")}]`;
  });
  writeFileSync(path, shorter);
}

function check(name) {
  const files = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").filter((path) =>
    existsSync(join(root, path)),
  );
  const gone = filesOf(name, files);
  const besides = [...gone].filter((path) => !path.includes(`extensions/${name}/`));
  console.log(`== without ${name}: ${gone.size} files are deleted`);
  for (const path of besides) console.log(`   ${path}`);
  const copy = mkdtempSync(join(tmpdir(), `shardmill-without-${name}-`));
  try {
    for (const path of files) if (!gone.has(path)) cpSync(join(root, path), join(copy, path));
    removeFromList(join(copy, "extensions", "list.ts"), name);
    for (const folder of ["node_modules", ".scratch"])
      if (existsSync(join(root, folder))) symlinkSync(join(root, folder), join(copy, folder));
    const at = { cwd: copy };
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
    const projects = ["tsconfig.build.json", ...(gone.has(API) ? [] : ["tsconfig.api.json"])];
    for (const project of projects) step(process.execPath, [tsc, "-p", project], at);
    step(process.execPath, [join("scripts", "bundle.mjs")], at);
    step(process.execPath, [tsc, "-p", "tsconfig.json", "--noEmit"], at);
    const output = join(copy, ".out");
    const job = join("examples", "digits", "job.yaml");
    step(
      process.execPath,
      [join("dist", "cli", "main.js"), "run", job, "--set", `output.path=${output}`],
      at,
    );
    const run = [
      vitest,
      "run",
      "--project",
      "test-unit",
      "--project",
      "test-machine",
      "--project",
      "test-seams",
    ];
    if (name !== STOOD_IN_FOR) step(process.execPath, run, at);
    else {
      step(process.execPath, [...run, "--exclude", "test/extensions/**"], { ...at, ...standIn });
      step(process.execPath, [...run, "test/extensions"], at);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const known = extensions();
const { submissions } = JSON.parse(readFileSync(join(root, ".ci", "stages.json"), "utf8"));
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`unknown extensions: ${unknown.join(", ")}. Known: ${known.join(", ")}`);
  process.exit(2);
}
for (const name of asked.length > 0 ? asked : [known[submissions % known.length]]) check(name);
