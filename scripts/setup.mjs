// Makes a fresh clone ready: installs the packages of package-lock.json and compiles, each only after a
// change. With --product it makes the command alone, without tests and their tools. Plain JavaScript, because
// it runs before anything is installed or built.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = [
  "shared",
  "extensions",
  "coordinator",
  "worker",
  "cli",
  "examples",
  "bench",
  "fault",
  "test/support",
  "sim",
];

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`shardmill needs Node.js 20.19 or later, found ${process.version}`);
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

/** Runs a command, and reports every ten seconds that it still runs. */
async function step(title, command, args) {
  console.error(`> ${title}`);
  const startMs = performance.now();
  const child = spawn(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  const passedSeconds = () => Math.round((performance.now() - startMs) / 1_000);
  const ticks = setInterval(() => console.error(`  ${passedSeconds()} s`), 10_000);
  const [code] = await once(child, "close");
  clearInterval(ticks);
  if (code === 0) return;
  console.error(`${title} failed: ${command} ${args.join(" ")} ended with ${code}`);
  process.exit(code ?? 1);
}

// npm rewrites this file at the end of every install, so its age is the install's.
const installedMs = () => modifiedMs(join(root, "node_modules", ".package-lock.json"));
const hasTools = existsSync(join(root, "node_modules", "vitest"));
const wantsTools = hasTools || process.argv[2] !== "--product";
const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
if (installedMs() < modifiedMs(join(root, "package-lock.json"))) {
  const which = wantsTools ? [] : ["--workspaces=false"];
  await step("installing the packages of package-lock.json", "npm", ["ci", ...which, ...quiet]);
} else if (wantsTools && !hasTools) {
  await step("installing the tools of the tests", "npm", ["install", "--no-save", ...quiet]);
}

// ONNX Runtime includes its binaries for every system: 220 MB that are unused here.
const runtime = join(root, "node_modules", "onnxruntime-node", "bin");
for (const folder of readdirSync(runtime)) {
  for (const system of readdirSync(join(runtime, folder))) {
    if (system !== process.platform) rmSync(join(runtime, folder, system), { recursive: true });
  }
}

const builtMs = modifiedMs(join(root, "dist", ".tsbuildinfo"));
const sourceMs = Math.max(
  modifiedMs(join(root, "tsconfig.json")),
  modifiedMs(join(root, "tsconfig.build.json")),
  ...SOURCES.map((folder) => newestSourceMs(join(root, folder))),
);
const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
if (wantsTools && builtMs < sourceMs)
  await step("compiling", process.execPath, [compiler, "-p", "tsconfig.build.json"]);

const bundler = join(root, "scripts", "bundle.mjs");
const bundledMs = modifiedMs(join(root, "dist", "bundle", "cli", "main.js"));
// The page is bundled for browsers, and compiled by the bundler alone.
const pageMs = newestSourceMs(join(root, "page"));
if (bundledMs < Math.max(sourceMs, pageMs, modifiedMs(bundler), installedMs())) {
  // Types of the package's exports.
  await step("declaring", process.execPath, [compiler, "-p", "tsconfig.api.json"]);
  await step("bundling", process.execPath, [bundler]);
}
