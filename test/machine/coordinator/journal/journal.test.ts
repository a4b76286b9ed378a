import { appendFile, mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeRecord } from "../../../../coordinator/journal/framing.ts";
import { openJournal, readJournal } from "../../../../coordinator/journal/journal.ts";
import { segmentPath } from "../../../../coordinator/journal/segment-file.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { granted } from "../../../unit/coordinator/journal/builders.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-journal-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const corrupt = expect.toSatisfy((error) => isShardmillError(error, "JOURNAL_CORRUPT"));

/** Writes one generation with these records. */
async function generation(...sequences: readonly number[]): Promise<void> {
  await using opened = await openJournal(folder, 0);
  await Promise.all(sequences.map((sequence) => opened.journal.append(granted(sequence), { durable: true })));
}

async function kindsFound(): Promise<string[]> {
  const { records } = await readJournal(folder);
  return records.map((record) => (record.kind === "leaseGranted" ? `${record.token.sequence}` : record.kind));
}

describe("openJournal", () => {
  test("starts the next generation in its own segment and returns all earlier records", async () => {
    const fresh = join(folder, "journal");
    {
      await using first = await openJournal(fresh, 7);
      expect(first.generation).toBe(1);
      expect(first.records).toMatchObject([{ kind: "generationStarted", generation: 1, wallMs: 7 }]);
      await first.journal.append(granted(1), { durable: true });
    }
    await using second = await openJournal(fresh, 8);
    expect(second.generation).toBe(2);
    expect(second.records).toMatchObject([
      { kind: "generationStarted", generation: 1 },
      granted(1),
      { kind: "generationStarted", generation: 2 },
    ]);
    expect((await readdir(fresh)).sort()).toEqual(["journal-000001.log", "journal-000002.log"]);
  });

  test("writes the start of the generation to the file before it returns", async () => {
    await using opened = await openJournal(folder, 0);
    expect(await kindsFound()).toEqual(["generationStarted"]);
    expect(opened.generation).toBe(1);
  });

  test("ignores a torn tail of the last segment, also in later generations, and leaves it in the file", async () => {
    await generation(1, 2);
    await appendFile(segmentPath(folder, 1), Buffer.from([0xff, 0x53, 0x4d]));
    const torn = await readFile(segmentPath(folder, 1));
    await generation(3);
    await generation();
    expect(await readFile(segmentPath(folder, 1))).toEqual(torn);
    expect(await kindsFound()).toEqual([
      "generationStarted",
      "1",
      "2",
      "generationStarted",
      "3",
      "generationStarted",
    ]);
  });

  test("neither reads nor changes files with other names", async () => {
    await generation(1);
    const others = { "journal-000009.log.123.tmp": "half made", "lock.json": "{}", "journal-9.log": "?" };
    for (const [name, text] of Object.entries(others)) await writeFile(join(folder, name), text);
    await generation();
    expect(await kindsFound()).toEqual(["generationStarted", "1", "generationStarted"]);
    expect((await readdir(folder)).sort()).toEqual(
      [...Object.keys(others), "journal-000001.log", "journal-000002.log"].sort(),
    );
    for (const [name, text] of Object.entries(others))
      expect(await readFile(join(folder, name), "utf8")).toBe(text);
  });

  test("fails with JOURNAL_FAILED if the folder cannot be created", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    await expect(openJournal(join(file, "journal"), 0)).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
  });
});

test.each(["a whole record", "a torn one"])(
  "what a holder writes after it lost the lock is ignored (%s)",
  async (what) => {
    await generation(1, 2);
    await generation(3);
    const late = encodeRecord(granted(9));
    await appendFile(segmentPath(folder, 1), what === "a torn one" ? late.subarray(0, -1) : late);
    await using opened = await openJournal(folder, 0);
    const sequences = opened.records.flatMap((record) =>
      record.kind === "leaseGranted" ? [record.token.sequence] : [],
    );
    expect(sequences).toEqual([1, 2, 3]);
  },
);

describe("a damaged journal", () => {
  test("is refused if a segment other than the last has a torn record", async () => {
    await generation(1, 2);
    await generation(3);
    const path = segmentPath(folder, 1);
    await truncate(path, (await readFile(path)).length - 1);
    await expect(openJournal(folder, 0)).rejects.toEqual(corrupt);
  });

  test("is refused if a segment is cut between two records and another segment follows", async () => {
    const path = segmentPath(folder, 1);
    let betweenRecords = 0;
    {
      await using opened = await openJournal(folder, 0);
      await opened.journal.append(granted(1), { durable: true });
      betweenRecords = (await readFile(path)).length;
      await opened.journal.append(granted(2), { durable: true });
    }
    await generation(3);
    await truncate(path, betweenRecords);
    await expect(openJournal(folder, 0)).rejects.toEqual(corrupt);
    await expect(openJournal(folder, 0)).rejects.toThrow("when the next segment was begun");
  });

  test("is refused if a complete record follows a damaged one, even in the last segment", async () => {
    await generation(1, 2, 3);
    const path = segmentPath(folder, 1);
    const bytes = await readFile(path);
    // Within the first frame, after the 16 bytes of the header.
    bytes.writeUInt8(bytes.readUInt8(36) ^ 1, 36);
    await writeFile(path, bytes);
    await expect(openJournal(folder, 0)).rejects.toEqual(corrupt);
    expect(await readFile(path)).toEqual(bytes);
  });

  test("is refused if a segment is missing", async () => {
    for (let count = 0; count < 3; count += 1) await generation();
    await unlink(segmentPath(folder, 2));
    await expect(openJournal(folder, 0)).rejects.toEqual(corrupt);
  });

  test("is refused if a segment has the name of another", async () => {
    await generation(1);
    await writeFile(segmentPath(folder, 2), await readFile(segmentPath(folder, 1)));
    await expect(openJournal(folder, 0)).rejects.toEqual(corrupt);
  });

  test("is refused if a segment before the last is empty", async () => {
    await generation(1);
    await generation(2);
    await writeFile(segmentPath(folder, 1), "");
    await expect(openJournal(folder, 0)).rejects.toEqual(corrupt);
  });

  test.each([1, 3])("is refused as one of another version if its format is %i", async (version) => {
    await generation(1);
    const bytes = await readFile(segmentPath(folder, 1));
    bytes.writeUInt32LE(version, 8);
    await writeFile(segmentPath(folder, 1), bytes);
    await expect(openJournal(folder, 0)).rejects.toThrow(`another version: it has format version ${version}`);
  });
});

test("after any cut or bit flip, a journal is refused or read as a prefix of its records", async () => {
  await generation(1, 2);
  await generation(3, 4);
  const whole = await kindsFound();
  const damage = fc.record({
    segment: fc.constantFrom(1, 2),
    share: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    bit: fc.option(fc.nat({ max: 7 }), { nil: null }),
  });
  let prefixes = 0;
  let refusals = 0;
  await fc.assert(
    fc.asyncProperty(damage, async ({ segment, share, bit }) => {
      const path = segmentPath(folder, segment);
      const bytes = await readFile(path);
      const at = Math.floor(share * bytes.length);
      const changed = bit === null ? bytes.subarray(0, at) : Buffer.from(bytes);
      if (bit !== null) changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at);
      await writeFile(path, changed);
      try {
        const found = await kindsFound();
        prefixes += 1;
        expect(found).toEqual(whole.slice(0, found.length));
        if (segment === 1) expect(found.length).toBeGreaterThanOrEqual(whole.length);
      } catch (error) {
        if (!isShardmillError(error, "JOURNAL_CORRUPT")) throw error;
        refusals += 1;
      } finally {
        await writeFile(path, bytes);
      }
    }),
    { numRuns: 500 },
  );
  expect(prefixes).toBeGreaterThan(3);
  expect(refusals).toBeGreaterThan(10);
});
