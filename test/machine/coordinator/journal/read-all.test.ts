import { readFile, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { segmentPath } from "../../../../coordinator/journal/segment-file.ts";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";
import { JournalRuns } from "./journal-runs.ts";

/** The whole journal, as it is read when its snapshots are useless. */

let journal: JournalRuns;
beforeEach(async () => {
  journal = await JournalRuns.make();
  await journal.run(0, 10);
});
afterEach(() => rm(journal.folder, { recursive: true, force: true }));

test("readAll refuses a damaged segment that the snapshots had replaced", async () => {
  const { opened } = await journal.takeUp();
  await opened.journal.close();
  expect(opened.snapshots.length).toBeGreaterThan(0);
  expect(await opened.readAll()).not.toEqual([]);
  const path = segmentPath(journal.folder, 1);
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  await writeFile(path, bytes);
  await expect(opened.readAll()).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
});

test("readAll fails with JOURNAL_FAILED and the folder if the disk fails meanwhile", async () => {
  let fails = false;
  const disk: Disk = {
    ...realDisk,
    readdir: (path) => (fails ? Promise.reject(new Error("EIO: i/o error")) : realDisk.readdir(path)),
  };
  const { opened } = await journal.takeUp(disk);
  await opened.journal.close();
  fails = true;
  await expect(opened.readAll()).rejects.toMatchObject({
    code: "JOURNAL_FAILED",
    fields: { path: journal.folder },
    hint: expect.stringContaining("can be written to"),
  });
});
