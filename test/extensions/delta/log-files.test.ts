import fc from "fast-check";
import { expect, test } from "vitest";
import { LogFiles } from "../../../extensions/delta/log/log-files.ts";
import { commitName } from "./delta-tables.ts";

const LOG = "/lake/table/_delta_log";
const ID = "3a0d65cd-4056-49b8-937b-95f9e3ee90e5";
const at = (version: number, end: string) => `${String(version).padStart(20, "0")}.checkpoint.${end}`;
const part = (version: number, number: number, of: number) =>
  at(version, `${String(number).padStart(10, "0")}.${String(of).padStart(10, "0")}.parquet`);

test("a version is replayed from the newest complete checkpoint at or before it, and the commits behind", () => {
  const versions = fc.integer({ min: 0, max: 30 });
  const check = (newest: number, asked: number, checkpoints: readonly number[]) => {
    const version = Math.min(newest, asked);
    const names = Array.from({ length: newest + 1 }, (_, each) => commitName(each));
    const files = new LogFiles(LOG, [...names, ...checkpoints.map((each) => at(each, "parquet"))]);
    expect(files.newest).toBe(Math.max(newest, ...checkpoints));
    const segment = files.segment(version);
    const best = checkpoints.filter((each) => each <= version).sort((a, b) => b - a)[0] ?? null;
    expect(segment.checkpoint?.version ?? null).toBe(best);
    expect(segment.commits).toEqual(names.slice(best === null ? 0 : best + 1, version + 1));
  };
  fc.assert(fc.property(versions, versions, fc.array(versions, { maxLength: 4 }), check));
});

test("a missing commit on the way to a version is refused by its number", () => {
  const names = [0, 1, 3, 4].map(commitName);
  const files = new LogFiles(LOG, names);
  expect(files.segment(1).commits).toHaveLength(2);
  const gap = { code: "INPUT_CORRUPT", fields: { found: "no commit of version 2" } };
  expect(() => files.segment(4)).toThrow(
    expect.objectContaining({ code: gap.code, fields: expect.objectContaining(gap.fields) }),
  );
  // A checkpoint behind the gap makes the earlier commits needless.
  expect(new LogFiles(LOG, [...names, at(3, "parquet")]).segment(4).commits).toEqual([commitName(4)]);
});

test("a version whose commits the clean-up of the log removed is not found", () => {
  const files = new LogFiles(LOG, [at(3, "parquet"), commitName(3), commitName(4)]);
  expect(files.segment(4).commits).toEqual([commitName(4)]);
  const gone = { code: "INPUT_NOT_FOUND", hint: "read a version from 3 on" };
  expect(() => files.segment(2)).toThrow(expect.objectContaining(gone));
});

test("a checkpoint in parts counts only with all of its parts", () => {
  const commits = Array.from({ length: 6 }, (_, version) => commitName(version));
  const whole = [3, 1, 2].map((number) => part(4, number, 3));
  expect(new LogFiles(LOG, [...commits, ...whole]).segment(5).checkpoint?.names).toEqual([...whole].sort());
  for (const lost of whole) {
    const others = whole.filter((name) => name !== lost);
    expect(new LogFiles(LOG, [...commits, ...others]).segment(5).checkpoint).toBeNull();
  }
});

test("checkpoints by id are JSON or Parquet, and other names do not matter", () => {
  for (const end of ["json", "parquet"]) {
    const names = [
      at(2, `${ID}.${end}`),
      commitName(3),
      "_last_checkpoint",
      `${commitName(3)}.tmp`,
      "0.json",
    ];
    const files = new LogFiles(LOG, [...names, "00000000000000000000.00000000000000000003.compacted.json"]);
    expect(files.segment(3)).toEqual({
      version: 3,
      checkpoint: { version: 2, names: [at(2, `${ID}.${end}`)] },
      commits: [commitName(3)],
    });
  }
  expect(new LogFiles(LOG, []).newest).toBeNull();
});
