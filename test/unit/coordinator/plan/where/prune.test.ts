import { expect, test } from "vitest";
import type { Predicate } from "../../../../../coordinator/plan/where/predicate.ts";
import { pruneRowGroups } from "../../../../../coordinator/plan/where/prune.ts";

const ABOVE_5: Predicate = {
  kind: "compare",
  op: ">",
  left: { kind: "column", column: "i", as: { kind: "whole", times: 1n, limit: null } },
  right: { kind: "constant", value: 5n },
};

/** Returns a file whose row groups have 10 rows each, with these greatest values. */
const fileOf = (...greatest: readonly (number | null)[]) => ({
  rowGroups: greatest.map((_, index) => ({ rows: 10, bytes: index })),
  statistics: greatest.map((most) => ({
    i: { least: "0", greatest: most === null ? null : String(most), nulls: 0 },
  })),
  layout: "alike",
});

test("row groups without a possible match are pruned, and adjacent ones become one stretch of rows", () => {
  const { files, pruned } = pruneRowGroups([fileOf(9, 5, 1, 6), fileOf(0, 7, null, 3), fileOf(2)], ABOVE_5);
  expect(pruned).toEqual([
    { file: 0, rowStart: 10, rowEnd: 30 },
    { file: 1, rowStart: 0, rowEnd: 10 },
    { file: 1, rowStart: 30, rowEnd: 40 },
    { file: 2, rowStart: 0, rowEnd: 10 },
  ]);
  expect(files.map(({ rowGroups }) => rowGroups.map(({ bytes }) => bytes))).toEqual([[0, 3], [1, 2], []]);
  expect(files.map(({ afterGaps }) => [...afterGaps])).toEqual([[1], [], []]);
});

test("a file without statistics is not pruned", () => {
  const { files, pruned } = pruneRowGroups([{ ...fileOf(1, 1), statistics: null }], ABOVE_5);
  expect([files[0]?.rowGroups.length, pruned]).toEqual([2, []]);
});
