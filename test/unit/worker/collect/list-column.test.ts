import { type Data, Vector } from "apache-arrow";
import { expect, test } from "vitest";
import { outputFields } from "../../../../shared/domain/output-fields.ts";
import { arrowField } from "../../../../worker/collect/arrow-fields.ts";
import { createOutputWriter } from "../../../../worker/collect/output-writer.ts";
import { anOutput } from "../../../support/shard-job.ts";
import { unevenChunk } from "../../../support/uneven-model.ts";

const cells = (data: Data | undefined) =>
  Array.from(new Vector(data === undefined ? [] : [data]), (list: unknown) => [
    ...(list as Iterable<unknown>),
  ]);

/** Returns a writer that turns a row of scores into the classes with a score of at least 1. */
function aWriter(rows: number, labels: readonly string[] | null = null) {
  const op = { kind: "threshold", threshold: 1, activation: "none", labels } as const;
  const binding = anOutput({ op, rowDims: [3], rowValues: 3 });
  const writer = createOutputWriter(binding, rows);
  const fields = outputFields({ keep: [], outputs: [binding] }).map(arrowField);
  expect(writer.columns.map(({ field }) => `${field}`)).toEqual(fields.map(String));
  return {
    writer,
    write: (scores: readonly (readonly number[])[], tensorRow: number, rowCount: number, place: number) => {
      const data = Float32Array.from(scores.flat()).buffer;
      writer.write({ dtype: "float32", dims: [scores.length, 3], data }, [
        { tensorRow, rows: rowCount, place },
      ]);
    },
    take: (...places: readonly (readonly [number, number])[]) =>
      writer.columns.map((column) => {
        const data = column.take(places.map(([start, end]) => ({ start, end })));
        expect(`${data.type}`).toBe(`${column.field.type}`);
        return cells(data);
      }),
  };
}

test("lists are read in the order of the rows, in whatever order they were written", () => {
  const { write, take } = aWriter(5);
  const scores = [
    [5, 0, 6],
    [0, 0, 0],
    [1, 2, 3],
  ];
  write(scores, 2, 1, 4);
  write(scores, 0, 2, 0);
  write(scores, 1, 2, 2);
  // The row at 3 was written once, and fails. Its values are not returned, and later rows stay intact.
  expect(take([0, 2])).toEqual([
    [[5, 6], []],
    [[0, 2], []],
  ]);
  expect(take([2, 3], [4, 5])).toEqual([
    [[], [1, 2, 3]],
    [[], [0, 1, 2]],
  ]);
});

test("labels replace classes, and the size limit assumes that a row has all of them", () => {
  const { writer, write, take } = aWriter(2, ["a", "größer", "c"]);
  write([[2, 1, 0]], 0, 1, 0);
  write([[0, 1, 9]], 0, 1, 1);
  expect(take([0, 2])).toEqual([
    [
      [2, 1],
      [1, 9],
    ],
    [
      ["a", "größer"],
      ["größer", "c"],
    ],
  ]);
  expect(writer.columns.map(({ mostOffsetBytes }) => mostOffsetBytes)).toEqual([3, 3 * 8]);
});

test("the column grows when steps make more rows than the shard had", () => {
  const { writer, write, take } = aWriter(1);
  writer.open(unevenChunk(0, [1, 1]), 0);
  write([[2, 0, 0]], 0, 1, 0);
  writer.open(unevenChunk(2, [1, 1, 1]), 2);
  for (const place of [4, 3, 2, 1]) write([[0, place, 9]], 0, 1, place);
  expect(take([0, 2], [2, 5])[0]).toEqual([[2], [1, 9], [2, 9], [3, 9], [4, 9]]);
});
