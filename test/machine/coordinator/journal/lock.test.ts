import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { acquireLock, type LockOptions } from "../../../../coordinator/journal/lock.ts";
import { BEAT_NAME, LOCK_NAME } from "../../../../coordinator/journal/lock-file.ts";
import { NEVER, sleep } from "../../../../shared/core/abort.ts";
import type { TimedClock } from "../../../../shared/core/clock.ts";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";
import { isShardmillError, type ShardmillError } from "../../../../shared/core/errors.ts";
import { ownIdentity, systemProcesses } from "../../../../shared/core/process-identity.ts";
import { systemRandom } from "../../../../shared/core/random.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-lock-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const OWN = ownIdentity();
const HELD = [BEAT_NAME, LOCK_NAME];

/** A clock that runs forty times as fast. A silence of twenty seconds takes half a second. */
const FAST: TimedClock = {
  nowMs: () => performance.now() * 40,
  wallMs: () => 0,
  after(ms, call) {
    const timer = setTimeout(call, ms / 40);
    return () => clearTimeout(timer);
  },
};

/** Parts of this process, with that clock. */
const SEAMS = { disk: realDisk, random: systemRandom, clock: FAST, signal: NEVER };
const HERE: LockOptions = { ...SEAMS, processes: systemProcesses };

/** Returns the options of a process in a separate PID namespace. */
function from(pidNamespace: string, options: Partial<LockOptions> = {}): LockOptions {
  const own = { ...OWN, pidNamespace, pid: 1, startTicks: "7" };
  return {
    ...SEAMS,
    processes: {
      own: () => own,
      processState: (other) => (other.pidNamespace === pidNamespace ? "running" : "unknown"),
    },
    ...options,
  };
}

function writeLock(content: object): Promise<void> {
  return writeFile(join(folder, LOCK_NAME), JSON.stringify({ ...OWN, nonce: "n0", ...content }));
}

async function refusal(options?: LockOptions): Promise<ShardmillError> {
  const error: unknown = await acquireLock(folder, options).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (isShardmillError(error)) return error;
  throw new Error(`expected a refusal, found ${error}`);
}

/** Starts a process that runs until it is killed. */
async function aProcess(): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1000)"]);
  await once(child.stdout, "data");
  const { pid } = child;
  if (pid === undefined) throw new Error("the process has no PID");
  return Object.assign(child, { pid });
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

describe("the journal's lock", () => {
  test("has one holder at a time, and its release leaves no file", async () => {
    const held = await acquireLock(folder, HERE);
    expect(await refusal(HERE)).toMatchObject({
      code: "OUTPUT_LOCKED",
      fields: { pid: process.pid, host: hostname() },
    });
    await held[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
    await using again = await acquireLock(folder, HERE);
    await again.confirm();
    expect(await readdir(folder)).toContain(LOCK_NAME);
  });

  test("creates its folder if the folder is missing", async () => {
    folder = join(folder, "deep");
    await using _held = await acquireLock(folder, HERE);
    expect(await readdir(folder)).toContain(LOCK_NAME);
    folder = join(folder, "..");
  });

  test("is acquired by only one of many concurrent attempts", async () => {
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(folder, HERE)));
    const held = tries.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(held).toHaveLength(1);
    await held[0]?.[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  });

  test("the lock of a running process is respected, and that of a killed process is taken over", async () => {
    const child = await aProcess();
    const startTicks = await startOf(child.pid);
    await writeLock({ pid: child.pid, startTicks });
    expect(await refusal(HERE)).toMatchObject({ code: "OUTPUT_LOCKED", fields: { pid: child.pid } });
    await kill(child);
    await using _held = await acquireLock(folder, HERE);
    expect(JSON.parse(await readFile(join(folder, LOCK_NAME), "utf8"))).toMatchObject({ pid: process.pid });
  });

  test("only one of many concurrent attempts takes over the lock of an exited process", async () => {
    for (let round = 0; round < 20; round += 1) {
      await writeLock({ pid: process.pid, startTicks: "1", nonce: `n${round}` });
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(folder, HERE)));
      const held = tries.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      expect(held).toHaveLength(1);
      await held[0]?.[Symbol.asyncDispose]();
      expect(await readdir(folder)).toEqual([]);
    }
  });

  test("is taken over even if an earlier attempt to take it over was interrupted", async () => {
    await writeLock({ pid: process.pid, startTicks: "1", nonce: "n1" });
    const claim = JSON.stringify({ ...OWN, startTicks: "2", nonce: "n2" });
    await writeFile(join(folder, `${LOCK_NAME}.claim-n1`), claim);
    const held = await acquireLock(folder, HERE);
    await held[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  });

  test.each(["null", `{"host":1}`, `{"host":"h","pid":1,"nonce":"n"}`])(
    "a lock file with unknown content (%j) is respected, with a hint to delete it",
    async (text) => {
      await writeFile(join(folder, LOCK_NAME), text);
      const error = await refusal(from("a"));
      expect(error).toMatchObject({ code: "OUTPUT_LOCKED" });
      expect(error.hint).toContain("delete");
    },
  );

  test("a release does not remove the lock of another holder", async () => {
    const held = await acquireLock(folder, HERE);
    await writeLock({ nonce: "someone else's" });
    await held[Symbol.asyncDispose]();
    expect(await readdir(folder)).toContain(LOCK_NAME);
  });

  test("fails with OUTPUT_FAILED if its folder cannot be created", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(acquireLock(join(folder, "file"))).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  });
});

describe("a lock of this process", () => {
  test("is acquired again after 20 s without a heartbeat if it could not be removed", async () => {
    const disk: Disk = {
      ...realDisk,
      rename: (from, to) =>
        from.endsWith(LOCK_NAME)
          ? Promise.reject(Object.assign(new Error("EIO: i/o error"), { code: "EIO" }))
          : realDisk.rename(from, to),
    };
    const held = await acquireLock(folder, { ...HERE, disk });
    await expect(held[Symbol.asyncDispose]()).rejects.toThrow("EIO");
    const messages: string[] = [];
    const startMs = performance.now();
    const onWaiting = (text: string) => messages.push(text);
    const again = await acquireLock(folder, { ...HERE, onWaiting });
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(199);
    expect(messages).toEqual([expect.stringContaining("this process itself")]);
    // A released lock is never reported as lost, even when another process holds it now.
    expect(await held.whyLost()).toBeNull();
    expect(held.lost.aborted).toBe(false);
    await again[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  });

  test("is respected as long as it is renewed", async () => {
    await using held = await acquireLock(folder, HERE);
    const error = await refusal(HERE);
    expect(error).toMatchObject({ code: "OUTPUT_LOCKED", hint: "wait for it, or stop it, then run again" });
    await held.confirm();
  });
});

describe("the lock of a process that is not visible here", () => {
  test("is respected as long as it is renewed, and free after its release", async () => {
    const held = await acquireLock(folder, from("a"));
    for (let second = 0; second < 2; second += 1) {
      const error = await refusal(from("b"));
      expect(error).toMatchObject({ code: "OUTPUT_LOCKED", fields: { pid: 1, pidNamespace: "a" } });
      expect(error.hint).toContain("renews its lock");
    }
    await held.confirm();
    await held[Symbol.asyncDispose]();
    await using _held = await acquireLock(folder, from("b"));
  });

  test("is taken over after 20 s without a heartbeat, and an abort ends this wait", async () => {
    await writeLock({ host: "elsewhere", pid: 4 });
    const told: string[] = [];
    const stop = new AbortController();
    const waiting = acquireLock(
      folder,
      from("b", { signal: stop.signal, onWaiting: (text) => told.push(text) }),
    );
    await sleep(50, NEVER);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    expect(told).toEqual([expect.stringContaining("waiting 20 s for a heartbeat of process 4 on elsewhere")]);
    const startMs = performance.now();
    await using _held = await acquireLock(folder, from("b"));
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(199);
  });

  test("is acquired at once if it is removed during the wait", async () => {
    await writeLock({ host: "elsewhere", pid: 4 });
    let looks = 0;
    const clock: TimedClock = {
      ...FAST,
      after(ms, call) {
        // Heartbeats of the acquired lock have another interval.
        if (ms === 1_000 && ++looks === 3) rmSync(join(folder, LOCK_NAME));
        return FAST.after(ms, call);
      },
    };
    await using _held = await acquireLock(folder, from("b", { clock }));
    expect(looks).toBe(3);
  });

  test("is taken over by only one of many waiting attempts", async () => {
    await writeLock({ host: "elsewhere", pid: 4 });
    const tries = await Promise.allSettled(["b", "c", "d"].map((name) => acquireLock(folder, from(name))));
    const held = tries.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(held).toHaveLength(1);
    await held[0]?.[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  });

  test.each(["", `{"host":"h`])("is taken over if its file is incomplete (%j)", async (text) => {
    await writeFile(join(folder, LOCK_NAME), text);
    await using held = await acquireLock(folder, from("b"));
    await held.confirm();
  });
});

describe("a holder that was paused for longer than the limit", () => {
  test("learns that it lost the lock before its next step, and keeps the lock of its successor", async () => {
    let nowMs = 0;
    const stopped: TimedClock = { nowMs: () => nowMs, wallMs: () => 0, after: () => () => {} };
    const held = await acquireLock(folder, from("a", { clock: stopped }));
    await using taker = await acquireLock(folder, from("b"));
    nowMs = 30_000;
    await expect(held.confirm()).rejects.toMatchObject({ code: "OUTPUT_LOCKED", fields: { pid: 1 } });
    expect(held.lost.aborted).toBe(true);
    await held[Symbol.asyncDispose]();
    await taker.confirm();
    expect((await readdir(folder)).sort()).toEqual(HELD);
  });

  test("detects the loss of the lock with its next heartbeat", async () => {
    await using held = await acquireLock(folder, from("a"));
    await writeLock({ nonce: "another's" });
    for (let waitedMs = 0; waitedMs < 2_000 && !held.lost.aborted; waitedMs += 10) await sleep(10, NEVER);
    expect(held.lost.reason).toMatchObject({ code: "OUTPUT_LOCKED" });
  });
});

test("without hard links, only one of many attempts takes over an abandoned lock", async () => {
  const disk: Disk = {
    ...realDisk,
    link: () => Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" })),
  };
  await writeLock({ host: "elsewhere", pid: 4 });
  const tries = await Promise.allSettled(
    ["a", "b", "c", "d"].map((name) => acquireLock(folder, from(name, { disk }))),
  );
  const held = tries.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  expect(held).toHaveLength(1);
  expect(await refusal(from("e", { disk }))).toMatchObject({ code: "OUTPUT_LOCKED" });
  await held[0]?.[Symbol.asyncDispose]();
  expect(await readdir(folder)).toEqual([]);
});

/** Returns field 22 of proc(5), or null without one. */
async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return stat === null ? null : (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null);
}
