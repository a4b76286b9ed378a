import { readFileSync } from "node:fs";
import { Vector } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { opRowOf } from "../../../../shared/domain/output-fields.ts";
import { ctc } from "../../../../shared/output-ops/ctc.ts";
import { bindOp } from "../../../../shared/output-ops/op-schemas.ts";
import type { OpSpec } from "../../../../shared/output-ops/output-op.ts";
import { createOutputWriter } from "../../../../worker/collect/output-writer.ts";
import { anOutput } from "../../../support/shard-job.ts";

/** Texts that RapidOCR and transformers decode: see `make-ctc.py`. */
const REFERENCE: {
  readonly paddle: {
    readonly characters: readonly string[];
    readonly thousandths: readonly (readonly (readonly number[])[])[];
    readonly texts: readonly string[];
    readonly scores: readonly number[];
  };
  readonly wav2vec2: {
    readonly vocabulary: Readonly<Record<string, number>>;
    readonly ids: readonly (readonly number[])[];
    readonly texts: readonly string[];
  };
} = JSON.parse(readFileSync(new URL("../../../support/decoders/ctc.json", import.meta.url), "utf8"));

/** Returns texts and scores of rows that are tables of values by position and class. */
function decode(spec: OpSpec, rows: readonly (readonly (readonly number[])[])[], around: number[] = []) {
  const [positions, classes] = [rows[0]?.length ?? 0, rows[0]?.[0]?.length ?? 0];
  const rowDims = [positions, ...around, classes];
  const output = anOutput({ rowDims, rowValues: positions * classes });
  const writer = createOutputWriter({ ...output, op: bindOp({ ...spec, op: "ctc" }, opRowOf(output)) }, 1);
  const data = Float32Array.from(rows.flat(2)).buffer;
  const chunk = { rows: rows.length } as Parameters<typeof writer.open>[0];
  writer.open(chunk, 0);
  const all = [{ tensorRow: 0, rows: rows.length, place: 0 }];
  writer.write({ dtype: "float32", dims: [rows.length, ...rowDims], data }, all);
  const [texts, scores] = writer.columns.map((column) =>
    Array.from(new Vector([column.take([{ start: 0, end: rows.length }])]), (cell: unknown) => cell),
  );
  return { texts, scores: (scores ?? []).map(Number) };
}

const oneHot = (ids: readonly number[], classes: number, value: number) =>
  ids.map((id) => Array.from({ length: classes }, (_, index) => (index === id ? value : 0)));

describe("ctc", () => {
  test("texts and scores are those of RapidOCR, whose list has neither blank nor space", () => {
    const { characters, thousandths, texts, scores } = REFERENCE.paddle;
    const rows = thousandths.map((row) => row.map((values) => values.map((value) => value / 1000)));
    const found = decode({ labels: characters }, rows);
    expect(found.texts).toEqual(texts);
    expect(found.scores).toEqual(scores.map((score) => expect.closeTo(score, 4)));
    expect(texts).toContain("");
    expect(decode({ labels: ["", ...characters, " "] }, rows, [1])).toEqual(found);
  });

  test("texts are those of a tokenizer of Wav2Vec2, without outer spaces", () => {
    const { vocabulary, ids, texts } = REFERENCE.wav2vec2;
    const labels = Object.keys(vocabulary);
    const rows = ids.map((row) => oneHot(row, labels.length, 9));
    const found = decode({ labels, softmax: true }, rows);
    expect(found.texts).toEqual(texts);
    const probability = Math.exp(9) / (Math.exp(9) + labels.length - 1);
    for (const score of found.scores) expect([0, 1]).toContain(Math.round(score / probability));
    expect(found.scores[2]).toBeCloseTo(probability, 6);
  });

  test("the blank may be any class", () => {
    const rows = [oneHot([2, 0, 0, 2, 0, 1, 2], 3, 1)];
    expect(decode({ labels: ["a", "b"], blank: 2 }, rows)).toEqual({ texts: ["aab"], scores: [1] });
    expect(decode({ labels: ["a", "b", "c"], blank: 1 }, rows)).toEqual({ texts: ["cacac"], scores: [1] });
  });

  test.each([
    [{ labels: ["a"] }, { dims: [5, 4] }, "labels", "4 labels, or 3 without the blank"],
    [{ labels: ["a", "b", "c", "d", "e"] }, { dims: [5, 4] }, "labels", "or 2 without blank and space"],
    [{ labels: ["a", "b", "c"], blank: 4 }, { dims: [5, 4] }, "blank", "a class from 0 to 3"],
    [{ labels: ["a", "b", "c"] }, { dims: [4] }, "op", "a tensor `[batch, positions, classes]`"],
    [{ labels: ["a", "b", "c"] }, { dims: [5, 2, 4] }, "op", "a tensor `[batch, positions, classes]`"],
  ])("%j does not fit %j", (spec, { dims }, key, expected) => {
    const row = { dtype: "float32", dims, values: 1, perPosition: false };
    expect(ctc.problems(spec, row)).toMatchObject([{ key, expected: expect.stringContaining(expected) }]);
  });
});
