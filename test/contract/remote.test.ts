import { fork } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { Transferred } from "../../shared/core/remote/peer.ts";
import { ProcessLink } from "../../shared/core/remote/process-link.ts";
import { Remote } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import { remoteContract } from "./remote-contract.ts";

const THREAD_MIB = 64;
const PROCESS_MIB = 300;

remoteContract("a thread", {
  start(script) {
    const link = new ThreadLink(script, { heapMib: THREAD_MIB });
    return { link, hasEnded: () => link.thread.threadId === -1 };
  },
  uncaught: /this error is uncaught/,
  memoryMib: THREAD_MIB,
});

remoteContract("a process", {
  start(script) {
    const child = forked(script);
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
    return { link: new ProcessLink(child, PROCESS_MIB * 2 ** 20), hasEnded };
  },
  uncaught: /exit code 1/,
  memoryMib: PROCESS_MIB,
});

interface Echo {
  echo(value: number): number;
}

const lost = () => new Error("lost");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-remote-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function scriptOf(methods: string): Promise<URL> {
  const path = join(folder, `${Math.random()}.mjs`);
  await writeFile(
    path,
    `import { Transferred } from "${compiledUrl("shared/core/remote/peer.ts")}";
import { serveOwner } from "${compiledUrl("shared/core/remote/serve-owner.ts")}";
serveOwner({ ${methods} });`,
  );
  return pathToFileURL(path);
}

test("a thread gets a buffer without a copy, and returns one", async () => {
  const script = await scriptOf("move: (bytes) => new Transferred(bytes, [bytes])");
  interface Move {
    move(bytes: ArrayBuffer): Transferred<ArrayBuffer>;
  }
  await using remote = new Remote<Move>(new ThreadLink(script), { lost });
  const bytes = Uint8Array.of(1, 2, 3).buffer;
  const moved = await remote.call("move", bytes, { transfer: [bytes], signal: NEVER });
  expect([bytes.byteLength, [...new Uint8Array(moved)]]).toEqual([0, [1, 2, 3]]);
});

test("a value that cannot be cloned rejects its call, and later calls work", async () => {
  await using remote = new Remote<{ echo(value: unknown): unknown }>(
    new ThreadLink(await scriptOf("echo: (value) => value ?? (() => {})")),
    { lost },
  );
  await expect(remote.call("echo", () => {}, { signal: NEVER })).rejects.toThrow("could not be cloned");
  await expect(remote.call("echo", null, { signal: NEVER })).rejects.toThrow("could not be cloned");
  expect(await remote.call("echo", 1, { signal: NEVER })).toBe(1);
});

test("a released process serves only its next owner", async () => {
  const child = forked(await scriptOf("echo: (value) => value"));
  const first = new Remote<Echo>(new ProcessLink(child), { lost });
  expect(await first.call("echo", 1, { signal: NEVER })).toBe(1);
  first.release();
  await expect(first.call("echo", 1, { signal: NEVER })).rejects.toThrow("lost");
  await using second = new Remote<Echo>(new ProcessLink(child), { lost });
  expect(await second.call("echo", 2, { signal: NEVER })).toBe(2);
  expect(child.listenerCount("message")).toBe(1);
});

test("a thread that ended before its takeover rejects its first call", async () => {
  const { thread } = new ThreadLink(await scriptOf("echo: (value) => value"));
  await thread.terminate();
  await using remote = new Remote<Echo>(new ThreadLink(thread), { lost });
  await expect(remote.call("echo", 1, { signal: NEVER })).rejects.toThrow("lost");
});

test("a process that cannot be started rejects its calls without waiting", async () => {
  const child = fork("none.mjs", { stdio: ["ignore", "ignore", "ignore", "ipc"], execPath: "/no/such/node" });
  await using remote = new Remote<Echo>(new ProcessLink(child), { lost });
  await expect(remote.call("echo", 1, { signal: NEVER })).rejects.toThrow("lost");
});

function forked(script: URL) {
  return fork(fileURLToPath(script), [], { stdio: ["ignore", "ignore", "ignore", "ipc"], execArgv: [] });
}
