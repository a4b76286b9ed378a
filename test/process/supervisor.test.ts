import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test, vi } from "vitest";
import { deferred } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { GpuReader } from "../../shared/extension/gpu-driver.ts";
import type { Joining, ProcessLayout } from "../../worker/process/start-process.ts";
import { Supervisor, type SupervisorOptions } from "../../worker/process/supervisor.ts";
import { TEST_CREDENTIAL } from "../support/access.ts";
import { GPU_READING } from "../support/gpus/reading.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

/** The supervisor of worker processes, without a coordinator. */

const NOBODY: Joining = { coordinator: "127.0.0.1:1", credential: TEST_CREDENTIAL };

async function supervise(
  giveUpMs: number,
  joins: Joining | Promise<Joining> = NOBODY,
  more: Partial<SupervisorOptions> = {},
) {
  const scratchPath = await mkdtemp(join(tmpdir(), "shardmill-supervisor-"));
  const plan = (name: string): ProcessLayout => ({
    env: {},
    gpu: "GPU-1",
    options: {
      name,
      device: "cpu",
      lanes: 1,
      threadsPerLane: 1,
      shardThreads: 1,
      cores: 2,
      access: "auto",
      logLevel: "silent",
      giveUpMs,
    },
  });
  const processes = [plan("first"), plan("second")];
  const options = { processes, joins, scratchPath, log: silentLogger, gpuReader: async () => null, ...more };
  return { scratchPath, supervisor: new Supervisor(options) };
}

test("a supervisor that stops or drains before its first process starts is done without any process", async () => {
  for (const end of ["stop", "drain"] as const) {
    const { supervisor, scratchPath } = await supervise(60_000);
    const startMs = performance.now();
    await supervisor[end]();
    expect(performance.now() - startMs).toBeLessThan(30_000);
    expect(existsSync(scratchPath)).toBe(false);
  }
});

test("a coordinator that stays unreachable ends all processes, and the supervisor rejects", async () => {
  const { supervisor, scratchPath } = await supervise(100);
  await expect(supervisor.done).rejects.toMatchObject({ code: "COORDINATOR_UNREACHABLE" });
  expect(existsSync(scratchPath)).toBe(false);
});

test("a coordinator that fails to start ends the processes that wait for it", async () => {
  const starting = deferred<Joining>();
  const { supervisor, scratchPath } = await supervise(60_000, starting.promise);
  starting.reject(new Error("port in use"));
  await expect(supervisor.done).rejects.toThrow("port in use");
  expect(existsSync(scratchPath)).toBe(false);
});

/** Supervises a process that serves these methods instead of a worker's, and that is restarted at once. */
async function misbehaving(methods: string, more: Partial<SupervisorOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-entry-"));
  const entry = join(folder, "entry.mjs");
  const { href } = compiledUrl("shared/core/remote/serve-owner.ts");
  await writeFile(entry, `import { serveOwner } from "${href}";\nserveOwner(${methods});`);
  const options = { entry: pathToFileURL(entry), backoff: { firstMs: 1, maxMs: 1 }, ...more };
  return {
    ...(await supervise(60_000, NOBODY, options)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

test("the supervisor gives up with the last error when processes exit before any has joined", async () => {
  const methods = `{ work() { throw new Error("EMFILE: too many open files"); } }`;
  await using broken = await misbehaving(methods);
  await expect(broken.supervisor.done).rejects.toMatchObject({
    code: "WORKER_LOST",
    fields: { exits: 6, reason: "EMFILE: too many open files" },
  });
  expect(existsSync(broken.scratchPath)).toBe(false);
});

test("after a process has joined, processes that exit are restarted without a limit", async () => {
  const manyDied = deferred<void>();
  let died = 0;
  const onExited = () => {
    died += 1;
    if (died === 20) manyDied.resolve();
  };
  // The event is sent before the process exits.
  const methods = `{
    work(task, { emit }) {
      emit({ kind: "joined" });
      return new Promise(() => setTimeout(() => process.exit(1), 20));
    }
  }`;
  await using dying = await misbehaving(methods, { onExited });
  await Promise.race([manyDied.promise, dying.supervisor.done]);
  expect(died).toBeGreaterThanOrEqual(20);
  await dying.supervisor.stop();
});

test("processes of an excluded GPU are drained, and restart when the GPU works again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-gpu-"));
  // The process records when it starts work, and when it is asked to drain.
  const methods = `{
    tell: (what) => process.getBuiltinModule("fs").appendFileSync(${JSON.stringify(join(folder, "told"))}, what + "\\n"),
    work() {
      this.tell("work");
      return new Promise((resolve) => { this.end = resolve; });
    },
    drain() {
      this.tell("drain");
      this.end("drained");
    }
  }`;
  const told = async () =>
    (await readFile(join(folder, "told"), "utf8").catch(() => "")).split("\n").slice(0, -1);
  let isLost = false;
  const reader: GpuReader = {
    look: async () => (isLost ? { kind: "lost", why: "a test" } : { kind: "read", reading: GPU_READING }),
  };
  const clock = new VirtualClock();
  await using rig = await misbehaving(methods, { gpuReader: async () => reader, gpuClock: clock });
  await vi.waitFor(async () => expect(await told()).toEqual(["work", "work"]), { timeout: 60_000 });
  isLost = true;
  await clock.pass(5_000);
  await vi.waitFor(async () => expect(await told()).toEqual(["work", "work", "drain", "drain"]), {
    timeout: 60_000,
  });
  isLost = false;
  await clock.pass(30_000);
  expect(await told()).toHaveLength(4);
  await clock.pass(60_000);
  await vi.waitFor(async () => expect((await told()).slice(4)).toEqual(["work", "work"]), {
    timeout: 60_000,
  });
  isLost = true;
  await clock.pass(5_000);
  await vi.waitFor(async () => expect(await told()).toHaveLength(8), { timeout: 60_000 });
  // A supervisor that waits for its GPU stops at once.
  await rig.supervisor.drain();
  expect(rig.supervisor.hasDrained).toBe(true);
  await rm(folder, { recursive: true });
});
