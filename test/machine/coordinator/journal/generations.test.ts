import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeHeader, encodeRecord } from "../../../../coordinator/journal/framing.ts";
import { type OpenJournal, openJournal, readJournal } from "../../../../coordinator/journal/journal.ts";
import { claimSegment, segmentPath } from "../../../../coordinator/journal/segment-file.ts";
import type { JournalRecord, RecordOf } from "../../../../coordinator/schedule/state/record.ts";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";
import { isShardmillError, ShardmillError } from "../../../../shared/core/errors.ts";
import { granted } from "../../../unit/coordinator/journal/builders.ts";

let folder = "";
const opened: OpenJournal[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-generations-"));
});
afterEach(async () => {
  for (const { journal } of opened.splice(0)) await journal.close().catch(() => {});
  await rm(folder, { recursive: true });
});

const replaced = expect.toSatisfy((error) => isShardmillError(error, "OUTPUT_LOCKED"));
const durable = { durable: true };

async function open(disk: Disk = realDisk): Promise<OpenJournal> {
  const journal = await openJournal(folder, 0, disk);
  opened.push(journal);
  return journal;
}

function sequencesOf(records: readonly JournalRecord[]): number[] {
  return records.flatMap((record) => (record.kind === "leaseGranted" ? [record.token.sequence] : []));
}

describe("the journal of a replaced coordinator", () => {
  test("acknowledges nothing after a later generation is claimed, even if that generation is empty", async () => {
    const { journal, hold } = await open();
    await journal.append(granted(1), durable);
    await claimSegment(segmentPath(folder, 2), 2, realDisk).then((file) => file.close());
    await expect(journal.append(granted(2), durable)).rejects.toEqual(replaced);
    await expect(hold.confirm()).rejects.toThrow("generation 2 was begun after generation 1");
    expect(hold.lost.aborted).toBe(true);
  });

  test("the successor's history has every acknowledged record, whenever the successor starts", async () => {
    const first = await open();
    const acknowledged: number[] = [];
    const appending = (async () => {
      for (let sequence = 1; ; sequence += 1) {
        await first.journal.append(granted(sequence), durable);
        acknowledged.push(sequence);
      }
    })();
    appending.catch(() => {});
    while (acknowledged.length < 20) await new Promise((resolve) => setImmediate(resolve));
    const second = await open();
    await expect(appending).rejects.toEqual(replaced);
    expect(sequencesOf(second.records)).toEqual(expect.arrayContaining(acknowledged));
    const { records } = await readJournal(folder);
    expect(sequencesOf(records)).toEqual(sequencesOf(second.records));
  });

  test("the hold is lost if the journal was removed, or another journal was created in its place", async () => {
    const first = await open();
    await rename(folder, `${folder}-removed`);
    await expect(first.hold.confirm()).rejects.toThrow("its journal was removed");
    const second = await open();
    expect(second.generation).toBe(1);
    await expect(first.journal.append(granted(1), durable)).rejects.toEqual(replaced);
    await second.journal.append(granted(2), durable);
    await rm(`${folder}-removed`, { recursive: true });
  });

  test("no generation is begun after the successor's, because the lock is checked after the number is read", async () => {
    let isHeld = true;
    const look = async () => {
      if (!isHeld) throw new ShardmillError("OUTPUT_LOCKED", "another has it");
    };
    const disk: Disk = {
      ...realDisk,
      // The coordinator is paused here. A successor takes the lock and the number.
      async readdir(path) {
        const names = await realDisk.readdir(path);
        if (isHeld) {
          isHeld = false;
          await open();
        }
        return names;
      },
    };
    await expect(openJournal(folder, 0, disk, { look })).rejects.toEqual(replaced);
    expect(await readdir(folder)).toEqual(["journal-000001.log"]);
  });
});

test("a journal is not created in a folder that was removed after its lock was acquired", async () => {
  const gone = join(folder, "work");
  await mkdir(gone);
  const disk: Disk = {
    ...realDisk,
    // The coordinator is paused here. A successor runs the whole job and removes its files.
    async mkdir(path) {
      await rm(gone, { recursive: true, force: true });
      await realDisk.mkdir(path);
    },
  };
  await expect(openJournal(join(gone, "journal"), 0, disk)).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
  expect(await readdir(folder)).toEqual([]);
});

describe("a claimed generation that was not begun", () => {
  test.each([
    ["no bytes", Buffer.alloc(0)],
    ["only a header", encodeHeader(2)],
    ["a torn header", Buffer.from("SHMLJRNL????")],
    ["a torn start record", Buffer.concat([encodeHeader(2), encodeRecord(granted(1)).subarray(0, -1)])],
  ])("is skipped if its segment has %s", async (_what, bytes) => {
    const first = await open();
    await first.journal.append(granted(1), durable);
    await first.journal.close();
    await writeFile(segmentPath(folder, 2), bytes);
    const third = await open();
    expect(third.generation).toBe(3);
    await third.journal.append(granted(3), durable);
    expect(sequencesOf((await readJournal(folder)).records)).toEqual([1, 3]);
  });

  test("is skipped if its file name was lost in a power cut", async () => {
    const first = await open();
    await first.journal.append(granted(1), durable);
    await first.journal.close();
    const disk: Disk = {
      ...realDisk,
      async open(path, flags) {
        const file = await realDisk.open(path, flags);
        return path === folder ? { ...file, sync: () => Promise.reject(new Error("EIO: i/o error")) } : file;
      },
    };
    // The name of its claim is not durable, so it begins no generation.
    await expect(openJournal(folder, 0, disk)).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    const third = await open();
    expect(third.generation).toBe(3);
    await third.journal.append(granted(3), durable);
    await third.journal.close();
    await rm(segmentPath(folder, 2));
    const fourth = await open();
    expect(fourth.generation).toBe(4);
    expect(sequencesOf(fourth.records)).toEqual([1, 3]);
  });

  test("has no records in the history even if its coordinator continues later", async () => {
    const first = await open();
    await first.journal.append(granted(1), durable);
    await first.journal.close();
    const sleeper = await claimSegment(segmentPath(folder, 2), 2, realDisk);
    const third = await open();
    await third.journal.append(granted(3), durable);
    const { generationStarted } = startOf(third);
    await sleeper.append(encodeRecord({ ...generationStarted, generation: 2 }));
    await sleeper.append(encodeRecord(granted(2)));
    await sleeper.close();
    expect(sequencesOf((await readJournal(folder)).records)).toEqual([1, 3]);
    expect(sequencesOf((await open()).records)).toEqual([1, 3]);
  });

  test("a segment that begins with another complete record fails with JOURNAL_CORRUPT", async () => {
    await (await open()).journal.close();
    await writeFile(segmentPath(folder, 2), Buffer.concat([encodeHeader(2), encodeRecord(granted(1))]));
    await expect(open()).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
  });
});

test("a journal of an earlier build, which does not name previous generations, is read and not changed", async () => {
  const first = await open();
  await first.journal.append(granted(1), durable);
  await first.journal.close();
  const path = segmentPath(folder, 1);
  const { generationStarted } = startOf(first);
  const { nonce: _nonce, previousGeneration: _previous, ...old } = generationStarted;
  const bytes = Buffer.concat([encodeHeader(1), encodeRecord(old), encodeRecord(granted(1))]);
  await writeFile(path, bytes);
  const second = await open();
  expect(sequencesOf(second.records)).toEqual([1]);
  await second.journal.append(granted(2), durable);
  expect(sequencesOf((await open()).records)).toEqual([1, 2]);
  expect(await readFile(path)).toEqual(bytes);
});

function startOf({ records }: OpenJournal): { readonly generationStarted: RecordOf<"generationStarted"> } {
  const generationStarted = records.findLast((record) => record.kind === "generationStarted");
  if (generationStarted === undefined) throw new Error("there is no generationStarted record");
  return { generationStarted };
}
