import { Float32 } from "apache-arrow";
import { expect, test } from "vitest";
import { NO_NOTED_ROWS } from "../../../../shared/steps/noted-rows.ts";
import { InputChunk } from "../../../../worker/tensorize/input-chunk.ts";
import { aBinding, batchOf, column } from "../../../support/shard-inputs.ts";

function chunkOf(sources: readonly number[], failed: readonly number[]): InputChunk {
  const c = column(
    sources.map(() => 1),
    new Float32(),
  );
  return new InputChunk(batchOf({ c }), 0, [aBinding()], {
    sourceStart: 10,
    sourceEnd: 20,
    sources: Uint32Array.from(sources),
    failed: failed.map((row) => ({ row, code: "ROW_VALUE", message: "no" })),
    noted: NO_NOTED_ROWS,
  });
}

test("a failed part excludes every part of its row, and no part of another row", () => {
  const chunk = chunkOf([0, 1, 1, 1, 3, 4, 4], [2, 4]);
  expect(chunk.liveRuns).toEqual([
    { start: 0, end: 1 },
    { start: 5, end: 7 },
  ]);
  expect(chunk.rowsPending).toBe(3);
  expect(chunk.deadLetters().map(([row]) => row)).toEqual([2, 4]);
});

test("a row whose 100,000 parts all failed counts as one failed row", () => {
  const parts = Array<number>(100_000).fill(0);
  const chunk = chunkOf(
    parts,
    parts.map((_, part) => part),
  );
  expect(chunk.rowsPending).toBe(0);
  expect(chunk.deadLetters()).toHaveLength(1);
});
