import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { acquireLock, LOCK_NAME } from "../../../../coordinator/journal/lock.ts";
import { isSurelyDead, ownIdentity } from "../../../../coordinator/journal/process-identity.ts";
import { isShardmillError, type ShardmillError } from "../../../../shared/core/errors.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-lock-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const OWN = ownIdentity();

function writeLock(content: object): Promise<void> {
  return writeFile(join(folder, LOCK_NAME), JSON.stringify({ ...OWN, nonce: "n0", ...content }));
}

async function refusal(): Promise<ShardmillError> {
  const error: unknown = await acquireLock(folder).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (isShardmillError(error)) return error;
  throw new Error(`expected a refusal, found ${error}`);
}

/** A process that is alive until it is killed. */
async function aProcess(): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1000)"]);
  await once(child.stdout, "data");
  const { pid } = child;
  if (pid === undefined) throw new Error("no process");
  return Object.assign(child, { pid });
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

describe("the lock", () => {
  test("is one holder's, and free once it is disposed of, leaving no file behind", async () => {
    const held = await acquireLock(folder);
    expect(await refusal()).toMatchObject({
      code: "OUTPUT_LOCKED",
      fields: { pid: process.pid, host: hostname() },
    });
    await held[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
    await using _again = await acquireLock(folder);
    expect(await readdir(folder)).toEqual([LOCK_NAME]);
  });

  test("makes its folder", async () => {
    folder = join(folder, "deep");
    await using _held = await acquireLock(folder);
    expect(await readdir(folder)).toEqual([LOCK_NAME]);
    folder = join(folder, "..");
  });

  test("is taken by one of many that come at once", async () => {
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(folder)));
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await readdir(folder)).toEqual([LOCK_NAME]);
  });

  test("of a live process is respected, of a killed one is taken over", async () => {
    const child = await aProcess();
    const startTicks = await startOf(child.pid);
    await writeLock({ pid: child.pid, startTicks });
    expect(await refusal()).toMatchObject({ code: "OUTPUT_LOCKED", fields: { pid: child.pid } });
    await kill(child);
    await using _held = await acquireLock(folder);
    expect(JSON.parse(await readFile(join(folder, LOCK_NAME), "utf8"))).toMatchObject({ pid: process.pid });
  });

  test("of a dead process is taken over by one of many, and nobody's fresh lock is lost", async () => {
    for (let round = 0; round < 20; round += 1) {
      await writeLock({ pid: process.pid, startTicks: "1", nonce: `n${round}` });
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(folder)));
      const held = tries.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      expect(held).toHaveLength(1);
      expect(await readdir(folder)).toEqual([LOCK_NAME]);
      await held[0]?.[Symbol.asyncDispose]();
    }
  });

  test("is taken over though an earlier taker died in the middle", async () => {
    await writeLock({ pid: process.pid, startTicks: "1", nonce: "n1" });
    const claim = JSON.stringify({ ...OWN, startTicks: "2", nonce: "n2" });
    await writeFile(join(folder, `${LOCK_NAME}.claim-n1`), claim);
    await using _held = await acquireLock(folder);
    expect(await readdir(folder)).toEqual([LOCK_NAME]);
  });

  test("of another machine is respected, with the way out", async () => {
    await writeLock({ host: "elsewhere", pid: 1 });
    const error = await refusal();
    expect(error).toMatchObject({ code: "OUTPUT_LOCKED", fields: { host: "elsewhere", pid: 1 } });
    expect(error.hint).toContain("delete");
  });

  test.each(["", "{", `{"host":1}`, "null"])(
    "that cannot be read (%j) is respected, with the way out",
    async (text) => {
      await writeFile(join(folder, LOCK_NAME), text);
      expect(await refusal()).toMatchObject({ code: "OUTPUT_LOCKED" });
    },
  );

  test("that is no longer its holder's is left alone when it is disposed of", async () => {
    const held = await acquireLock(folder);
    await writeLock({ nonce: "someone else's" });
    await held[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([LOCK_NAME]);
  });

  test("in a folder that cannot be says so", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(acquireLock(join(folder, "file"))).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  });
});

describe("a process", () => {
  test("is surely dead after a reboot, when its number is free, or is another's now", () => {
    expect(isSurelyDead(OWN)).toBe(false);
    expect(isSurelyDead({ ...OWN, bootId: "another" })).toBe(OWN.bootId !== null);
    expect(isSurelyDead({ ...OWN, pid: 2 ** 22 + 1 })).toBe(true);
    expect(isSurelyDead({ ...OWN, startTicks: "1" })).toBe(OWN.startTicks !== null);
    expect(isSurelyDead({ ...OWN, startTicks: null, bootId: null })).toBe(false);
  });

  test("of another machine is never surely dead", () => {
    expect(isSurelyDead({ ...OWN, host: "elsewhere", startTicks: "1" })).toBe(false);
  });
});

/** Field 22 of proc(5), or null where there is none. */
async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return stat === null ? null : (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null);
}
