import { execFile } from "node:child_process";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import { makeTempFolder } from "../../shared/core/temp-folder.ts";

const run = promisify(execFile);
const script = join(packageRoot, "scripts", "loads.mjs");
const main = join(packageRoot, "dist", "bundle", "cli", "main.js");

let folder: string;

beforeEach(async () => {
  folder = await makeTempFolder("loads");
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test("no script loads more than its limits (node scripts/loads.mjs --keep raises them)", async () => {
  expect(await run(process.execPath, [script, "--check"])).toEqual({ stdout: "", stderr: "" });
});

test("a library beyond a script's limits is named, with the script, its modules and what to do", async () => {
  const limits = JSON.parse(await readFile(join(packageRoot, "scripts", "loads.json"), "utf8"));
  delete limits["worker/write/write-thread.ts"]["apache-arrow"];
  limits["cli/main-command.ts"].yargs = 1;
  delete limits["shared/sql/sql-process.ts"];
  limits["worker/pipeline/shard-thread.ts"]["joined code"] = 2;
  const lower = join(folder, "lower.json");
  await writeFile(lower, JSON.stringify(limits));
  const refused: { readonly code?: number; readonly stderr?: string } = await run(process.execPath, [
    script,
    "--check",
    "--limits",
    lower,
  ]).then(
    () => ({}),
    (error: unknown) => error as { readonly code: number; readonly stderr: string },
  );
  expect(refused.code).toBe(1);
  const lines = refused.stderr?.trimEnd().split("\n") ?? [];
  expect(lines).toHaveLength(5);
  const text = lines.join("\n");
  expect(text).toMatch(
    /^worker\/write\/write-thread\.ts loads \d+ KiB of apache-arrow, over 8: \S*reader\.mjs/m,
  );
  expect(text).toMatch(/^cli\/main-command\.ts loads \d+ KiB of yargs, over 1: /m);
  expect(text).toMatch(/^shared\/sql\/sql-process\.ts has no limits$/m);
  expect(text).toMatch(/^worker\/pipeline\/shard-thread\.ts loads \d+ KiB of joined code, over 2: shared\//m);
  expect(lines.at(-1)).toContain("node scripts/loads.mjs --keep");
});

type Bytes = Readonly<Record<string, number>>;

test("the modules that a script loads in vain are at most 128 KiB of the engine, and no library", async () => {
  const text = await readFile(join(packageRoot, "dist", "loads.json"), "utf8");
  const loads: Readonly<Record<string, { readonly joined: Bytes }>> = JSON.parse(text);
  const joined = Object.entries(loads).map(([name, own]) => [name, own.joined] as const);
  // Chunks are joined, so most scripts have such modules.
  expect(joined.filter(([, modules]) => Object.keys(modules).length > 0).length).toBeGreaterThan(20);
  for (const [name, modules] of joined) {
    const bytes = Object.values(modules).reduce((sum, each) => sum + each, 0);
    expect(bytes, name).toBeLessThan(128 * 1024);
    expect(
      Object.keys(modules).filter((module) => /^(?:node_modules|extensions)\//.test(module)),
      name,
    ).toEqual([]);
  }
});

/** Returns the text of each file of ours that a command loads, by V8's own record. */
async function loadedBy(...args: string[]): Promise<readonly string[]> {
  // The command's result does not matter: without a coordinator, `status` fails.
  await run(process.execPath, [main, ...args], { env: { ...process.env, NODE_V8_COVERAGE: folder } }).catch(
    () => {},
  );
  const urls = new Set<string>();
  for (const name of await readdir(folder)) {
    const { result } = JSON.parse(await readFile(join(folder, name), "utf8"));
    for (const { url } of result) if (url.startsWith("file:")) urls.add(url);
  }
  return await Promise.all([...urls].map((url) => readFile(fileURLToPath(url), "utf8")));
}

/** Comment of the bundle before the code of a library, or of one of its files. */
const LIBRARY = (name: string) => new RegExp(`^// .*node_modules/${name}(/|$)`, "m");

test("the help loads no gRPC, Arrow, protobuf, zod, log or native library", async () => {
  const texts = await loadedBy("--help");
  expect(texts.some((text) => LIBRARY("yargs").test(text))).toBe(true);
  for (const name of ["@grpc/grpc-js", "apache-arrow", "protobufjs", "zod", "pino"])
    expect(texts.filter((text) => LIBRARY(name).test(text)).length, name).toBe(0);
  expect(texts.filter((text) => text.includes("duckdb.node")).length).toBe(0);
});

test("status loads gRPC, and neither Arrow, pino, zod nor the parser of proto files", async () => {
  const texts = await loadedBy("status", "--coordinator", "127.0.0.1:1");
  expect(texts.some((text) => LIBRARY("@grpc/grpc-js").test(text))).toBe(true);
  for (const name of ["apache-arrow", "pino", "zod", "protobufjs/src/parse.js"])
    expect(texts.filter((text) => LIBRARY(name).test(text)).length, name).toBe(0);
});
