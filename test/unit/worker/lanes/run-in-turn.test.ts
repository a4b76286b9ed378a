import fc from "fast-check";
import { expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { product, type TensorData, withBatchAt } from "../../../../shared/domain/tensor.ts";
import { packTexts, unpackTexts } from "../../../../shared/domain/texts.ts";
import type { LaneSession } from "../../../../shared/onnx/session.ts";
import { runInTurn } from "../../../../worker/lanes/run-in-turn.ts";
import { placeBatch, rowsFirst } from "../../../../worker/tensorize/batch-axis.ts";

type Run = LaneSession["run"];

const floats = (tensor: TensorData | undefined) => [...new Float32Array(tensor?.data ?? new ArrayBuffer(0))];

/** Returns rows with consecutive values, with the batch at the model's axis. */
function counting(rows: number, rowDims: readonly number[], axis: number): TensorData {
  const values = Float32Array.from({ length: rows * product(rowDims) }, (_, index) => index);
  return placeBatch({ dtype: "float32", dims: [rows, ...rowDims], data: values.buffer }, axis);
}

/** Returns a model that copies its input, with the batch at `outputAxis`, and accepts only `rows` rows. */
function anEcho(rows: number, axis: number, outputAxis: number) {
  const run: Run = async ({ x, rate }) => {
    expect([x?.dims[axis], floats(rate)]).toEqual([rows, [7]]);
    if (x === undefined) throw new Error("no x");
    return { y: placeBatch(rowsFirst(x, axis), outputAxis) };
  };
  return { run };
}

const SINGLE_ROWS = { rows: 1, inputs: { x: 0 }, outputs: { y: 0 } };

const rate: TensorData = { dtype: "float32", dims: [], data: Float32Array.of(7).buffer };

test("a multiple of the fixed batch is run batch by batch, whatever the batch axis", async () => {
  const shape = fc.record({
    rows: fc.integer({ min: 1, max: 5 }),
    runs: fc.integer({ min: 1, max: 6 }),
    rowDims: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 2 }),
    axis: fc.nat(2),
    outputAxis: fc.nat(2),
  });
  await fc.assert(
    fc.asyncProperty(shape, async ({ rows, runs, rowDims, axis, outputAxis }) => {
      const x = counting(rows * runs, rowDims, axis);
      const cut = { rows, inputs: { x: axis }, outputs: { y: outputAxis } };
      const { y } = await runInTurn(anEcho(rows, axis, outputAxis), cut, { x, rate }, ["y"]);
      expect(y?.dims).toEqual(withBatchAt(rowDims, rows * runs, outputAxis));
      expect(floats(y)).toEqual(floats(counting(rows * runs, rowDims, outputAxis)));
    }),
  );
});

test("a batch of any size runs in turn, and only the last run may be shorter", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 40 }), async (rows, all) => {
      const ran: unknown[] = [];
      const run: Run = async ({ x }) => {
        ran.push(x?.dims[0]);
        return { y: x ?? rate };
      };
      const runs = { rows, inputs: { x: 0 }, outputs: { y: 0 } };
      const { y } = await runInTurn({ run }, runs, { x: counting(all, [2], 0), rate }, ["y"]);
      const rest = all % rows;
      expect(ran).toEqual([...Array(Math.floor(all / rows)).fill(rows), ...(rest === 0 ? [] : [rest])]);
      expect([y?.dims, floats(y)]).toEqual([[all, 2], floats(counting(all, [2], 0))]);
    }),
  );
});

test("texts pass through unchanged, also empty ones", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 9 }),
      async (texts) => {
        const run: Run = async ({ x }) => {
          expect(x?.dims).toEqual([1, 1]);
          return { y: x ?? rate };
        };
        const x = { dtype: "string", dims: [texts.length, 1], data: packTexts(texts) } as const;
        const { y } = await runInTurn({ run }, SINGLE_ROWS, { x }, ["y"]);
        expect(y?.dims).toEqual([texts.length, 1]);
        expect(unpackTexts(y?.data ?? new ArrayBuffer(0), texts.length)).toEqual(texts);
      },
    ),
  );
});

test("a failed run, or an output with another shape or number of rows, fails the whole batch", async () => {
  const answers: Run[] = [
    async ({ x }) => {
      if (floats(x)[0] === 2) throw new ShardmillError("MODEL_FAILED", "no 2");
      return { y: counting(1, [1], 0) };
    },
    async ({ x }) => ({ y: counting(1, [floats(x)[0] === 2 ? 2 : 1], 0) }),
    // The right number of rows in total.
    async ({ x }) => ({ y: counting([2, 0, 1][floats(x)[0] ?? 0] ?? 1, [1], 0) }),
  ];
  for (const run of answers) {
    const running = runInTurn({ run }, SINGLE_ROWS, { x: counting(3, [1], 0) }, ["y"]);
    await expect(running).rejects.toMatchObject({ code: "MODEL_FAILED" });
  }
});
