import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encodeHeader, encodeRecord } from "../../../../coordinator/journal/framing.ts";
import { readSegment } from "../../../../coordinator/journal/read-segment.ts";
import { realDisk } from "../../../../shared/core/disk.ts";
import { granted } from "../../../unit/coordinator/journal/builders.ts";

const STARTED = {
  kind: "generationStarted",
  generation: 1,
  build: "b",
  mapping: "m",
  wallMs: 0,
  previousBytes: 0,
  previousCrc32: 0,
} as const;
const RECORDS = [STARTED, ...Array.from({ length: 40 }, (_, at) => granted(at + 1))];
const FRAMES = RECORDS.map(encodeRecord);
const WHOLE = Buffer.concat([encodeHeader(1), ...FRAMES]);

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "segment-")), "a.log");
});
afterEach(() => rm(join(path, ".."), { recursive: true }));

async function read(bytes: Buffer, pieceBytes: number, end = bytes.length) {
  await writeFile(path, bytes);
  return readSegment(path, { generation: 1, from: { bytes: 0, crc32: 0 }, end, pieceBytes }, realDisk);
}

const PIECES = [16, 17, 40, 100, 1_000, WHOLE.length - 1, WHOLE.length, 1 << 20];

test.each(PIECES)(
  "a segment gives the same records if it is read in pieces of %d bytes",
  async (pieceBytes) => {
    expect(await read(WHOLE, pieceBytes)).toEqual({
      records: RECORDS,
      started: STARTED,
      bytes: WHOLE.length,
      crc32: crc32(WHOLE),
    });
    const torn = WHOLE.subarray(0, -3);
    const good = WHOLE.length - (FRAMES.at(-1)?.length ?? 0);
    expect(await read(torn, pieceBytes)).toMatchObject({
      records: RECORDS.slice(0, -1),
      bytes: good,
      crc32: crc32(WHOLE.subarray(0, good)),
    });
  },
);

test.each(PIECES)(
  "damage in the middle of a segment is located if it is read in pieces of %d bytes",
  async (pieceBytes) => {
    const at = 16 + FRAMES.slice(0, 3).reduce((sum, { length }) => sum + length, 0);
    const damaged = Buffer.from(WHOLE);
    damaged.writeUInt8(damaged.readUInt8(at + 20) ^ 4, at + 20);
    const code = "JOURNAL_CORRUPT";
    await expect(read(damaged, pieceBytes)).rejects.toMatchObject({ code, fields: { at } });
  },
);
