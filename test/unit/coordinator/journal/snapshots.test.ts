import { mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openJournal } from "../../../../coordinator/journal/journal.ts";
import { segmentPath } from "../../../../coordinator/journal/segment-file.ts";
import { bodiesOf } from "../../../../coordinator/journal/snapshot-file.ts";
import { SnapshottingJournal } from "../../../../coordinator/journal/snapshotting-journal.ts";
import { replay } from "../../../../coordinator/schedule/events/replay.ts";
import { durableFacts } from "../../../../coordinator/schedule/laws/durable-facts.ts";
import { evolve } from "../../../../coordinator/schedule/state/evolve.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";
import { shardId } from "../../../../shared/domain/shard.ts";
import { aConfig, aPartial, aPlan, DIGESTS, filesOf } from "../schedule/harness.ts";

const SHARDS = 30;
const PLAN = aPlan(SHARDS);

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "snapshots-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** The state as the next coordinator finds it, and what it read for that. */
async function takeUp(disk: Disk = realDisk) {
  const opened = await openJournal(folder, 0, disk);
  const { records, generation, snapshots } = opened;
  return { opened, state: replay(aConfig(), records, generation, bodiesOf(snapshots)) };
}

/** A run that commits the shards `[from, to)` and is killed, a snapshot every five records. */
async function run(from: number, to: number, disk: Disk = realDisk): Promise<unknown[]> {
  const { opened, state } = await takeUp(disk);
  const failures: unknown[] = [];
  {
    await using journal = new SnapshottingJournal({
      ...opened,
      folder,
      disk,
      state,
      last: opened.snapshots.at(-1) ?? null,
      builds: ["a build"],
      everyRecords: 5,
      onFailure: (error) => failures.push(error),
    });
    const append = async (record: JournalRecord) => {
      evolve(state, record);
      const written = journal.append(record, { durable: true });
      journal.eventAppended();
      await written;
    };
    if (state.accepted === null) {
      await append({ kind: "jobAccepted", jobId: "j", name: "n", digests: DIGESTS });
      const shards = PLAN.map(({ rowStart, rowEnd }) => [rowStart, rowEnd] as const);
      await append({
        kind: "planSealed",
        files: filesOf(PLAN).map(({ path, rows }) => [path, rows]),
        shards,
      });
    }
    for (const shard of PLAN.slice(from, to)) {
      const token = { generation: opened.generation, sequence: shard.id + 1 };
      await append({ kind: "leaseGranted", shard: shard.id, token, worker: "anna", backup: false });
      const partial = aPartial(shard, token);
      // The same in every run of this test.
      const digest = sha256(`shard ${shard.id}`);
      const executionId = digest.slice(0, 16);
      await append({
        kind: "shardCommitted",
        partial: { ...partial, shard: shardId(shard.id), executionId, digest },
      });
      // Time for the snapshot to be written.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await opened.journal.close();
  return failures;
}

async function snapshotFiles(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith(".snap")).sort();
}

/** What all records tell, against what was found with the help of the snapshots. */
async function expectTheSame(): Promise<{ readonly used: number; readonly tail: number }> {
  const { opened, state } = await takeUp();
  await opened.journal.close();
  const all = await opened.readAll();
  expect(durableFacts(state)).toEqual(durableFacts(replay(aConfig(), all, opened.generation)));
  return { used: opened.snapshots.length, tail: opened.records.length };
}

describe("a journal with snapshots", () => {
  test("is read from the last one on, over several runs, and tells what all of it tells", async () => {
    await run(0, 10);
    await run(10, 20);
    expect(await run(20, 30)).toEqual([]);
    const { used, tail } = await expectTheSame();
    expect(used).toBe((await snapshotFiles()).length);
    expect(used).toBeGreaterThan(4);
    expect(tail).toBeLessThan(20);
  });

  test("tells the same with any snapshot gone, or cut, or with a bit flipped", async () => {
    await run(0, 15);
    await run(15, 30);
    const files = await snapshotFiles();
    const damage = fc.record({
      name: fc.constantFrom(...files),
      share: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      how: fc.constantFrom("gone", "cut", "flipped"),
    });
    let unused = 0;
    await fc.assert(
      fc.asyncProperty(damage, async ({ name, share, how }) => {
        const path = join(folder, name);
        const bytes = await readFile(path);
        const at = Math.floor(share * bytes.length);
        if (how === "gone") await unlink(path);
        else if (how === "cut") await writeFile(path, bytes.subarray(0, at));
        else {
          const flipped = Buffer.from(bytes);
          flipped.writeUInt8(flipped.readUInt8(at) ^ 4, at);
          await writeFile(path, flipped);
        }
        const { used } = await expectTheSame();
        expect(used).toBeLessThan(files.length);
        unused += 1;
        await writeFile(path, bytes);
      }),
      { numRuns: 40 },
    );
    expect(unused).toBe(40);
  });

  test("leaves out a snapshot that ends behind the history: its writer had been replaced", async () => {
    await run(0, 8);
    const before = (await snapshotFiles()).length;
    const segment = await readFile(segmentPath(folder, 1));
    // The first coordinator goes on, although a second one has read what there was.
    const { opened } = await takeUp();
    await opened.journal.close();
    const second = await readFile(segmentPath(folder, 2));
    await rm(segmentPath(folder, 2));
    await rm(folder, { recursive: true });
    folder = await mkdtemp(join(tmpdir(), "snapshots-"));
    await run(0, 20);
    expect((await readFile(segmentPath(folder, 1))).subarray(0, segment.length).equals(segment)).toBe(true);
    await writeFile(segmentPath(folder, 2), second);
    expect((await snapshotFiles()).length).toBeGreaterThan(before);
    const { used } = await expectTheSame();
    expect(used).toBeGreaterThan(0);
    expect(used).toBeLessThanOrEqual(before);
  });

  test("is taken up where a snapshot ends with its segment, and by all of it then", async () => {
    await run(0, 8);
    for (let generation = 0; generation < 3; generation += 1) {
      // Cut off behind the last snapshot: as a crash leaves it before the next record.
      const { opened } = await takeUp();
      await opened.journal.close();
      const { generation: last, bytes } = opened.snapshots.at(-1)?.head.place ?? { generation: 0, bytes: 0 };
      if (last === opened.generation - 1) {
        await unlink(segmentPath(folder, opened.generation));
        await truncate(segmentPath(folder, last), bytes);
      }
      await expectTheSame();
      await run(8 + 4 * generation, 12 + 4 * generation);
    }
  });

  test("whose segment is shorter than its snapshots say is read whole, and judged by itself", async () => {
    await run(0, 8);
    const path = segmentPath(folder, 1);
    await truncate(path, 1_000);
    const { used } = await expectTheSame();
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
    const failures = await run(0, 25, disk);
    expect(failures).toMatchObject([{ code: "ENOSPC" }, { code: "ENOSPC" }]);
    const { used } = await expectTheSame();
    expect(used).toBeGreaterThan(0);
  });
});
