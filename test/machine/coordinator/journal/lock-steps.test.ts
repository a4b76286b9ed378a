import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HeldLock } from "../../../../coordinator/journal/held-lock.ts";
import { acquireLock, type LockOptions } from "../../../../coordinator/journal/lock.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { present } from "../../../../shared/core/assert.ts";
import type { TimedClock } from "../../../../shared/core/clock.ts";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";
import { ownIdentity } from "../../../../shared/core/process-identity.ts";
import { systemRandom } from "../../../../shared/core/random.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-steps-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A clock that runs a hundred times as fast. */
const FAST: TimedClock = {
  nowMs: () => performance.now() * 100,
  wallMs: () => 0,
  after(ms, call) {
    const timer = setTimeout(call, ms / 100);
    return () => clearTimeout(timer);
  },
};

/** The clock of a paused process, which sends no beats and does not read its lock. */
const STILL: TimedClock = { nowMs: () => 0, wallMs: () => 0, after: () => () => {} };

/** Returns the options of a process that sees no process of another namespace. */
function from(pidNamespace: string, options: Partial<LockOptions> = {}): LockOptions {
  const own = { ...ownIdentity(), pidNamespace, pid: 1, startTicks: "7" };
  const processes = { own: () => own, processState: () => "unknown" as const };
  return { disk: realDisk, random: systemRandom, clock: FAST, processes, signal: NEVER, ...options };
}

describe("changes by the holder of a lock", () => {
  test("a file is placed, a folder is removed, and nothing else stays after the release", async () => {
    const held = await acquireLock(folder);
    await held.place(join(folder, "placed"), "a text");
    expect(await readFile(join(folder, "placed"), "utf8")).toBe("a text");
    await mkdir(join(folder, "work", "deep"), { recursive: true });
    await held.remove(join(folder, "work"));
    await held.remove(join(folder, "never there"));
    await held[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual(["placed"]);
  });

  test("makeFolder creates a missing folder and does not change an existing one", async () => {
    const held = await acquireLock(folder);
    const [made, there] = [join(folder, "made"), join(folder, "there")];
    await mkdir(there);
    await writeFile(join(there, "file"), "a text");
    for (const path of [made, there, made]) await held.makeFolder(path);
    expect(await readdir(made)).toEqual([]);
    expect(await readdir(there)).toEqual(["file"]);
    await held[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual(["made", "there"]);
  });

  test("makeFolder fails where a file exists and where the parent folder is missing", async () => {
    await using held = await acquireLock(folder);
    await writeFile(join(folder, "work"), "a text");
    await expect(held.makeFolder(join(folder, "work"))).rejects.toThrow("ENOTDIR");
    await expect(held.makeFolder(join(folder, "gone", "inner"))).rejects.toThrow("ENOENT");
    expect(await readFile(join(folder, "work"), "utf8")).toBe("a text");
  });

  test.each([
    ["removes nothing", (held: HeldLock) => held.remove(join(folder, "work"))],
    ["places nothing", (held: HeldLock) => held.place(join(folder, "work"), "late")],
    ["makes no folder", (held: HeldLock) => held.makeFolder(join(folder, "never there"))],
  ])("a paused holder %s after another process has taken the lock", async (_what, act) => {
    // After its last look, and before the step itself.
    let stop = () => {};
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    let goOn = () => {};
    const disk: Disk = {
      ...realDisk,
      async rename(source, target) {
        stop();
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        await realDisk.rename(source, target);
      },
    };
    const held = await acquireLock(folder, from("a", { disk, clock: STILL }));
    await writeFile(join(folder, "work"), "the first one's");
    const late = act(held);
    late.catch(() => {});
    await stopped;
    await using taker = await acquireLock(folder, from("b"));
    await taker.sweep();
    await writeFile(join(folder, "work"), "the successor's");
    goOn();
    await expect(late).rejects.toThrow();
    expect(await held.whyLost()).toMatchObject({ code: "OUTPUT_LOCKED" });
    expect(await readFile(join(folder, "work"), "utf8")).toBe("the successor's");
    await held[Symbol.asyncDispose]();
    expect(await readdir(folder)).not.toContain("never there");
  });

  test("a late sweep by a replaced holder fails and keeps the folder of its successor", async () => {
    let taker: HeldLock | null = null;
    const disk: Disk = {
      ...realDisk,
      async readdir(path) {
        taker = await acquireLock(folder, from("b"));
        await mkdir(taker.own, { recursive: true });
        return await realDisk.readdir(path);
      },
    };
    const held = await acquireLock(folder, from("a", { clock: STILL, disk }));
    await expect(held.sweep()).rejects.toMatchObject({ code: "OUTPUT_LOCKED" });
    await using successor = present(taker as HeldLock | null, "the lock was taken");
    expect(await readdir(successor.own)).toEqual([]);
    await held[Symbol.asyncDispose]();
  });

  test("a holder that resumes during its successor's sweep publishes no part of its folder", async () => {
    const held = await acquireLock(folder, from("a", { clock: STILL }));
    const rows = join(held.own, "rows");
    await mkdir(rows, { recursive: true });
    for (const name of ["part-0", "part-1"]) await writeFile(join(rows, name), name);
    let late: Promise<void> | null = null;
    const disk: Disk = {
      ...realDisk,
      async remove(path) {
        late = realDisk.rename(rows, join(folder, "rows"));
        await late.catch(() => {});
        await realDisk.remove(path);
      },
    };
    await using taker = await acquireLock(folder, from("b", { disk }));
    await taker.sweep();
    await expect(late).rejects.toMatchObject({ code: "ENOENT" });
    expect(await readdir(folder)).not.toContain("rows");
    expect(await readdir(folder)).not.toContain(basename(held.own));
    await held[Symbol.asyncDispose]();
  });
});

test("a holder that is paused before its release does not remove the lock of its successor", async () => {
  let taker: HeldLock | null = null;
  const disk: Disk = {
    ...realDisk,
    async rename(source, target) {
      taker = await acquireLock(folder, from("b"));
      await taker.sweep();
      await realDisk.rename(source, target);
    },
  };
  const held = await acquireLock(folder, from("a", { clock: STILL, disk }));
  await held[Symbol.asyncDispose]();
  await using successor = present(taker as HeldLock | null, "the lock was taken");
  await successor.confirm();
});
