import { copyFile, mkdir, readdir, readFile, rm, truncate, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { segmentPath } from "../../../../coordinator/journal/segment-file.ts";
import { SNAPSHOTS_OF_NO_USE } from "../../../../coordinator/journal/snapshots.ts";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";

import { JournalRuns } from "./journal-runs.ts";

let journal: JournalRuns;

beforeEach(async () => {
  journal = await JournalRuns.make();
});

afterEach(() => rm(journal.folder, { recursive: true, force: true }));

describe("a journal with snapshots", () => {
  test("is read from the last one on, over several runs, and tells what all of it tells", async () => {
    await journal.run(0, 10);
    await journal.run(10, 20);
    expect(await journal.run(20, 30)).toEqual([]);
    const { used, tail } = await journal.expectTheSame();
    expect(used).toBe((await journal.snapshotFiles()).length);
    expect(used).toBeGreaterThan(4);
    expect(tail).toBeLessThan(20);
  });

  test("tells the same with any snapshot gone, or cut, or with a bit flipped", async () => {
    await journal.run(0, 15);
    await journal.run(15, 30);
    const files = await journal.snapshotFiles();
    const damage = fc.record({
      name: fc.constantFrom(...files),
      share: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      how: fc.constantFrom("gone", "cut", "flipped"),
    });
    let unused = 0;
    await fc.assert(
      fc.asyncProperty(damage, async ({ name, share, how }) => {
        const path = join(journal.folder, name);
        const bytes = await readFile(path);
        const at = Math.floor(share * bytes.length);
        if (how === "gone") await unlink(path);
        else if (how === "cut") await writeFile(path, bytes.subarray(0, at));
        else {
          const flipped = Buffer.from(bytes);
          flipped.writeUInt8(flipped.readUInt8(at) ^ 4, at);
          await writeFile(path, flipped);
        }
        const { used } = await journal.expectTheSame();
        expect(used).toBeLessThan(files.length);
        unused += 1;
        await writeFile(path, bytes);
      }),
      { numRuns: 40 },
    );
    expect(unused).toBe(40);
  });

  test("leaves out a snapshot that ends behind the history: its writer had been replaced", async () => {
    await journal.run(0, 8);
    const before = (await journal.snapshotFiles()).length;
    const segment = await readFile(segmentPath(journal.folder, 1));
    // The first coordinator continues, although a second one has read its records.
    const { opened } = await journal.takeUp();
    await opened.journal.close();
    const second = await readFile(segmentPath(journal.folder, 2));
    await rm(segmentPath(journal.folder, 2));
    await rm(journal.folder, { recursive: true });
    await journal.anotherFolder();
    await journal.run(0, 20);
    expect((await readFile(segmentPath(journal.folder, 1))).subarray(0, segment.length).equals(segment)).toBe(
      true,
    );
    await writeFile(segmentPath(journal.folder, 2), second);
    expect((await journal.snapshotFiles()).length).toBeGreaterThan(before);
    const { used } = await journal.expectTheSame();
    expect(used).toBeGreaterThan(0);
    expect(used).toBeLessThanOrEqual(before);
  });

  test("is taken up where a snapshot ends with its segment, and by all of it then", async () => {
    await journal.run(0, 8);
    for (let generation = 0; generation < 3; generation += 1) {
      // Cut after the last snapshot, as by a crash before the next record.
      const { opened } = await journal.takeUp();
      await opened.journal.close();
      const { generation: last, bytes } = opened.snapshots.at(-1)?.head.place ?? { generation: 0, bytes: 0 };
      if (last === opened.generation - 1) {
        await unlink(segmentPath(journal.folder, opened.generation));
        await truncate(segmentPath(journal.folder, last), bytes);
      }
      await journal.expectTheSame();
      await journal.run(8 + 4 * generation, 12 + 4 * generation);
    }
  });

  test("whose segment is shorter than its snapshots say is read whole, and judged by itself", async () => {
    await journal.run(0, 8);
    const path = segmentPath(journal.folder, 1);
    await truncate(path, 1_000);
    const { used } = await journal.expectTheSame();
    expect(used).toBe(0);
  });

  test("goes on without one that could not be written, and the next tells of all", async () => {
    let refused = 0;
    const disk: Disk = {
      ...realDisk,
      rename: async (from, to) => {
        if (to.endsWith(".snap") && refused < 2) {
          refused += 1;
          throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
        }
        await realDisk.rename(from, to);
      },
    };
    const failures = await journal.run(0, 25, disk);
    expect(failures).toMatchObject([{ code: "ENOSPC" }, { code: "ENOSPC" }]);
    const { used } = await journal.expectTheSame();
    expect(used).toBeGreaterThan(0);
  });

  test("of another run of the same job is not believed, although its place would fit", async () => {
    await journal.run(0, 20);
    const [own, of] = [journal.folder, await journal.snapshotFiles()];
    await journal.anotherFolder();
    await journal.run(10, 30);
    for (const name of of) await copyFile(join(own, name), join(journal.folder, name));
    await rm(own, { recursive: true });
    const { used } = await journal.expectTheSame();
    expect(used).toBe(0);
    // The journal continues, and the next coordinator reads all of it.
    await journal.run(0, 10);
    await journal.expectTheSame();
    expect(journal.troubles).toEqual([]);
  });

  test("follows no snapshot of another run that has its predecessor's name", async () => {
    await journal.run(0, 20);
    const [own, [name = ""]] = [journal.folder, await journal.snapshotFiles()];
    await journal.anotherFolder();
    await journal.run(10, 30);
    await copyFile(join(own, name), join(journal.folder, name));
    await rm(own, { recursive: true });
    expect((await journal.expectTheSame()).used).toBe(0);
  });

  test("is not written by who has lost the lock", async () => {
    const lost = new Error("lost");
    const confirm = () => Promise.reject(lost);
    const failures = await journal.run(0, 20, realDisk, { confirm });
    expect(failures).toContain(lost);
    expect((await readdir(journal.folder)).filter((name) => name.includes("snap"))).toEqual([]);
  });

  test("is resumed where a snapshot is a journal.folder, and says so", async () => {
    await journal.run(0, 20);
    const [, second = ""] = await journal.snapshotFiles();
    await unlink(join(journal.folder, second));
    await mkdir(join(journal.folder, second));
    expect((await journal.expectTheSame()).used).toBe(1);
    expect(journal.troubles).toEqual([`the snapshot ${join(journal.folder, second)} cannot be read`]);
  });

  test("is resumed where the head of a snapshot is no JSON, and says so", async () => {
    await journal.run(0, 20);
    const path = join(journal.folder, (await journal.snapshotFiles())[0] ?? "");
    const bytes = await readFile(path);
    bytes.write("?", 24);
    bytes.writeUInt32LE(crc32(bytes.subarray(24), crc32(bytes.subarray(0, 20))), 20);
    await writeFile(path, bytes);
    expect((await journal.expectTheSame()).used).toBe(0);
    expect(journal.troubles).toEqual([`the snapshot ${path} cannot be read`]);
  });

  test("is read whole where what lies behind the snapshots cannot be read", async () => {
    await journal.run(0, 20);
    const failing = { reads: 0 };
    const disk: Disk = {
      ...realDisk,
      open: async (path, flags) => {
        const file = await realDisk.open(path, flags);
        if (!path.endsWith(".log") || flags !== "r") return file;
        failing.reads += 1;
        // The first read is at the beginning, the second at the place, and the third after it.
        if (failing.reads !== 3) return file;
        await file.close();
        throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
      },
    };
    const { opened } = await journal.takeUp(disk);
    await opened.journal.close();
    expect(opened.snapshots).toEqual([]);
    expect(opened.records.filter(({ kind }) => kind === "shardCommitted")).toHaveLength(20);
    expect(journal.troubles).toEqual([SNAPSHOTS_OF_NO_USE]);
  });

  test("leaves nothing of what is not finished, whether it failed or was killed", async () => {
    const disk: Disk = { ...realDisk, rename: async () => Promise.reject(new Error("EIO")) };
    expect(await journal.run(0, 10, disk)).not.toEqual([]);
    expect((await readdir(journal.folder)).filter((name) => name.includes("snap"))).toEqual([]);
    await writeFile(join(journal.folder, "snapshot-000001-1.snap.tmp"), "half");
    await journal.run(10, 11);
    expect(await readdir(journal.folder)).not.toContain("snapshot-000001-1.snap.tmp");
  });

  test("is tried again ever later where snapshots cannot be written", async () => {
    const disk: Disk = { ...realDisk, rename: async () => Promise.reject(new Error("EIO")) };
    // With 62 records, an attempt every five would make a dozen.
    const failures = await journal.run(0, 30, disk);
    expect(failures.length).toBeGreaterThan(1);
    expect(failures.length).toBeLessThan(6);
  });

  test("is closed with a snapshot under way, and refuses what comes then", async () => {
    await journal.run(0, 4);
    const { opened } = await journal.takeUp();
    await opened.journal.close();
    await expect(opened.journal.sync()).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
  });
});

test("a snapshot is whole and durable under another name before it gets its own", async () => {
  const calls: string[] = [];
  const disk: Disk = {
    ...realDisk,
    open: async (path, flags) => {
      const file = await realDisk.open(path, flags);
      if (!path.endsWith(".snap.tmp")) return file;
      const told = (call: string, act: () => Promise<void>) => {
        calls.push(call);
        return act();
      };
      return {
        readInto: (bytes, at) => file.readInto(bytes, at),
        datasync: () => file.datasync(),
        write: (bytes) => told("write", () => file.write(bytes)),
        sync: () => told("sync", () => file.sync()),
        close: () => told("close", () => file.close()),
      };
    },
    rename: (from, to) => {
      calls.push("rename");
      return realDisk.rename(from, to);
    },
  };
  await journal.run(0, 4, disk);
  expect(calls.slice(0, 4)).toEqual(["write", "sync", "close", "rename"]);
});
