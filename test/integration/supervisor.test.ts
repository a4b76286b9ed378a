import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { deferred } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { type Joining, type ProcessLayout, Supervisor } from "../../worker/process/supervisor.ts";
import { TEST_CREDENTIAL } from "../support/access.ts";

/** The supervisor of worker processes, where there is no coordinator to work for. */

const NOBODY: Joining = { coordinator: "127.0.0.1:1", credential: TEST_CREDENTIAL };

async function supervise(giveUpMs: number, joins: Joining | Promise<Joining> = NOBODY) {
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
  return { scratchPath, supervisor: new Supervisor({ processes, joins, scratchPath, log: silentLogger }) };
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
