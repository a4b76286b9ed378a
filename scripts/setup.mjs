// Makes a fresh clone ready: installs what package-lock.json names and compiles, each only when something
// changed. Plain JavaScript, because it runs before anything is installed or built.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = [
  "shared",
  "coordinator",
  "worker",
  "cli",
  "estimate",
  "examples",
  "bench",
  "fault",
  "test/support",
  "sim",
];

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`shardmill needs Node.js 20.19 or later; this is ${process.version}`);
  process.exit(2);
}

function modifiedMs(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function newestSourceMs(folder) {
  if (!existsSync(folder)) return 0;
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) newest = Math.max(newest, newestSourceMs(path));
    else if (/\.(ts|tsx|css|html)$/.test(entry.name)) newest = Math.max(newest, modifiedMs(path));
  }
  return newest;
}

function step(title, command, args) {
  console.error(`> ${title}`);
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (status !== 0) {
    console.error(`${title} failed: ${command} ${args.join(" ")} ended with ${status}`);
    process.exit(status ?? 1);
  }
}

// npm rewrites this file at the end of every install, so its age is the install's.
const installedMs = modifiedMs(join(root, "node_modules", ".package-lock.json"));
if (installedMs < modifiedMs(join(root, "package-lock.json"))) {
  step("installing the packages of package-lock.json: some minutes, without a word", "npm", [
    "ci",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ]);
}

const builtMs = modifiedMs(join(root, "dist", ".tsbuildinfo"));
const sourceMs = Math.max(
  modifiedMs(join(root, "tsconfig.json")),
  modifiedMs(join(root, "tsconfig.build.json")),
  ...SOURCES.map((folder) => newestSourceMs(join(root, folder))),
);
if (builtMs < sourceMs) {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  step("building: a minute or less", process.execPath, [compiler, "-p", "tsconfig.build.json"]);
  // The types of what the package exports.
  step("declaring", process.execPath, [compiler, "-p", "tsconfig.api.json"]);
}

const bundler = join(root, "scripts", "bundle.mjs");
const bundledMs = modifiedMs(join(root, "dist", "bundle", "cli", "main.js"));
// The page is bundled for browsers, and compiled by the bundler alone.
const pageMs = newestSourceMs(join(root, "page"));
if (bundledMs < Math.max(sourceMs, pageMs, modifiedMs(bundler), installedMs)) {
  step("bundling", process.execPath, [bundler]);
}
