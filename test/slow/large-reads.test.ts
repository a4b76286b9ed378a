import { appendFile, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encodeHeader, encodeRecord } from "../../coordinator/journal/framing.ts";
import { readSegment } from "../../coordinator/journal/read-segment.ts";
import { realDisk } from "../../shared/core/disk.ts";

const WHOLE = Buffer.concat([
  encodeHeader(1),
  encodeRecord({
    kind: "generationStarted",
    generation: 1,
    build: "b",
    mapping: "m",
    wallMs: 0,
    previousBytes: 0,
    previousCrc32: 0,
  }),
]);

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "large-reads-")), "a.log");
});
afterEach(() => rm(join(path, ".."), { recursive: true }));

test("a segment of more than 2 GiB with zeros after its records is refused as corrupt", async () => {
  const large = 2 ** 31 + 4_096;
  await writeFile(path, WHOLE);
  await truncate(path, large);
  // Zeros follow, and no record. More of them than a crash can leave is damage.
  const reading = readSegment(path, { generation: 1, from: { bytes: 0, crc32: 0 }, end: large }, realDisk);
  await expect(reading).rejects.toMatchObject({ code: "JOURNAL_CORRUPT", fields: { at: WHOLE.length } });
});

test("one read of a disk can return more than 2 GiB", async () => {
  const large = 2 ** 31 + 16;
  await writeFile(path, WHOLE);
  await truncate(path, large);
  await appendFile(path, "end");
  const file = await realDisk.open(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(large + 3);
    expect(await file.readInto(bytes, 0)).toBe(large + 3);
    expect(bytes.subarray(0, WHOLE.length).equals(WHOLE)).toBe(true);
    expect(bytes.subarray(large).toString()).toBe("end");
  } finally {
    await file.close();
  }
});
