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
  test("is read from the last snapshot on, and gives the same state as all its records", async () => {
    await journal.run(0, 10);
    await journal.run(10, 20);
    expect(await journal.run(20, 30)).toEqual([]);
    const { used, tail } = await journal.expectTheSame();
    expect(used).toBe((await journal.snapshotFiles()).length);
    expect(used).toBeGreaterThan(4);
    expect(tail).toBeLessThan(20);
  });

  test("gives the same state if any snapshot is missing, cut or damaged", async () => {
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

  test("ignores a snapshot that a replaced coordinator wrote after the end of the history", async () => {
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

  test("is resumed if a snapshot ends exactly at the end of its segment", async () => {
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

  test("is read without snapshots if its segment is shorter than they require", async () => {
    await journal.run(0, 8);
    const path = segmentPath(journal.folder, 1);
    await truncate(path, 1_000);
    const { used } = await journal.expectTheSame();
    expect(used).toBe(0);
  });

  test("continues after a failed snapshot, and a later snapshot is used", async () => {
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

  test("does not use the snapshots of another run of the same job", async () => {
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

  test("uses no snapshot if the first one is replaced by that of another run", async () => {
    await journal.run(0, 20);
    const [own, [name = ""]] = [journal.folder, await journal.snapshotFiles()];
    await journal.anotherFolder();
    await journal.run(10, 30);
    await copyFile(join(own, name), join(journal.folder, name));
    await rm(own, { recursive: true });
    expect((await journal.expectTheSame()).used).toBe(0);
  });

  test("gets no snapshot from a coordinator that has lost the lock", async () => {
    const lost = new Error("lost");
    const confirm = () => Promise.reject(lost);
    const failures = await journal.run(0, 20, realDisk, { confirm });
    expect(failures).toContain(lost);
    expect((await readdir(journal.folder)).filter((name) => name.includes("snap"))).toEqual([]);
  });

  test("is resumed with a reported problem if a snapshot is a folder", async () => {
    await journal.run(0, 20);
    const [, second = ""] = await journal.snapshotFiles();
    await unlink(join(journal.folder, second));
    await mkdir(join(journal.folder, second));
    expect((await journal.expectTheSame()).used).toBe(1);
    expect(journal.troubles).toEqual([`the snapshot ${join(journal.folder, second)} cannot be read`]);
  });

  test("is resumed with a reported problem if the head of a snapshot is not JSON", async () => {
    await journal.run(0, 20);
    const path = join(journal.folder, (await journal.snapshotFiles())[0] ?? "");
    const bytes = await readFile(path);
    bytes.write("?", 24);
    bytes.writeUInt32LE(crc32(bytes.subarray(24), crc32(bytes.subarray(0, 20))), 20);
    await writeFile(path, bytes);
    expect((await journal.expectTheSame()).used).toBe(0);
    expect(journal.troubles).toEqual([`the snapshot ${path} cannot be read`]);
  });

  test("is read whole if the records after the snapshots cannot be read", async () => {
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

  test("keeps no unfinished snapshot of a failed write or of a killed run", async () => {
    const disk: Disk = { ...realDisk, rename: async () => Promise.reject(new Error("EIO")) };
    expect(await journal.run(0, 10, disk)).not.toEqual([]);
    expect((await readdir(journal.folder)).filter((name) => name.includes("snap"))).toEqual([]);
    await writeFile(join(journal.folder, "snapshot-000001-1.snap.tmp"), "half");
    await journal.run(10, 11);
    expect(await readdir(journal.folder)).not.toContain("snapshot-000001-1.snap.tmp");
  });

  test("retries at growing intervals if snapshots cannot be written", async () => {
    const disk: Disk = { ...realDisk, rename: async () => Promise.reject(new Error("EIO")) };
    // With 62 records, an attempt every five would make a dozen.
    const failures = await journal.run(0, 30, disk);
    expect(failures.length).toBeGreaterThan(1);
    expect(failures.length).toBeLessThan(6);
  });

  test("refuses to sync after it is closed", async () => {
    const { opened } = await journal.takeUp();
    await opened.journal.close();
    await expect(opened.journal.sync()).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
  });
});

test("a snapshot is written and synced under a temporary name before it is renamed", async () => {
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
