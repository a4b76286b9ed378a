import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { deferred } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import {
  type Joining,
  type ProcessLayout,
  Supervisor,
  type SupervisorOptions,
} from "../../worker/process/supervisor.ts";
import { TEST_CREDENTIAL } from "../support/access.ts";

/** The supervisor of worker processes, where there is no coordinator to work for. */

const NOBODY: Joining = { coordinator: "127.0.0.1:1", credential: TEST_CREDENTIAL };

async function supervise(
  giveUpMs: number,
  joins: Joining | Promise<Joining> = NOBODY,
  more: Partial<SupervisorOptions> = {},
) {
  const scratchPath = await mkdtemp(join(tmpdir(), "shardmill-supervisor-"));
  const plan = (name: string): ProcessLayout => ({
    env: {},
    options: {
      name,
      device: "cpu",
      lanes: 1,
      threadsPerLane: 1,
      shardThreads: 1,
      stepThreads: 1,
      access: "auto",
      logLevel: "silent",
      giveUpMs,
    },
  });
  const processes = [plan("first"), plan("second")];
  const options = { processes, joins, scratchPath, log: silentLogger, ...more };
  return { scratchPath, supervisor: new Supervisor(options) };
}

test("stopped or drained before its first process has started, it starts none and is done", async () => {
  for (const end of ["stop", "drain"] as const) {
    const { supervisor, scratchPath } = await supervise(60_000);
    const startMs = performance.now();
    await supervisor[end]();
    expect(performance.now() - startMs).toBeLessThan(1_000);
    expect(existsSync(scratchPath)).toBe(false);
  }
});

test("a refusal for good ends all its processes, and is what it rejects with", async () => {
  const { supervisor, scratchPath } = await supervise(100);
  await expect(supervisor.done).rejects.toMatchObject({ code: "COORDINATOR_UNREACHABLE" });
  expect(existsSync(scratchPath)).toBe(false);
});

test("a coordinator that does not start ends the processes that wait for it", async () => {
  const starting = deferred<Joining>();
  const { supervisor, scratchPath } = await supervise(60_000, starting.promise);
  starting.reject(new Error("port in use"));
  await expect(supervisor.done).rejects.toThrow("port in use");
  expect(existsSync(scratchPath)).toBe(false);
});

/** A process that runs this instead of a worker, and is started again at once. */
async function misbehaving(code: string, more: Partial<SupervisorOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-entry-"));
  const entry = join(folder, "entry.mjs");
  await writeFile(entry, code);
  const options = { entry: pathToFileURL(entry), backoff: { firstMs: 1, maxMs: 1 }, ...more };
  return {
    ...(await supervise(60_000, NOBODY, options)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

test("processes that die before any of them ever joined are given up, saying what was said last", async () => {
  const error = { code: "INTERNAL", message: "EMFILE: too many open files", fields: {}, problems: [] };
  const told = JSON.stringify({ kind: "failed", error });
  await using broken = await misbehaving(`process.send(${told}, () => process.exit(1));`);
  await expect(broken.supervisor.done).rejects.toMatchObject({
    code: "WORKER_DIED",
    fields: { deaths: 6, reason: "EMFILE: too many open files" },
  });
  expect(existsSync(broken.scratchPath)).toBe(false);
});

test("once a process has joined, those that die are started again for as long as it takes", async () => {
  const manyDied = deferred<void>();
  let died = 0;
  const onDied = () => {
    died += 1;
    if (died === 20) manyDied.resolve();
  };
  const code = `process.send({ kind: "joined" }, () => process.exit(1));`;
  await using dying = await misbehaving(code, { onDied });
  await Promise.race([manyDied.promise, dying.supervisor.done]);
  expect(died).toBeGreaterThanOrEqual(20);
  await dying.supervisor.stop();
});
