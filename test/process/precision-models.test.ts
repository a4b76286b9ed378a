import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { halveModel } from "../../extensions/convert/onnx/halve-model.ts";
import { decodeOnnxModel, encodeOnnxModel } from "../../extensions/convert/onnx/onnx-model.ts";
import { quantizeModel } from "../../extensions/convert/onnx/quantize.ts";
import { createSession } from "../../shared/onnx/session.ts";
import { OutputComparison } from "../../worker/accuracy/output-comparison.ts";
import { mlpModel } from "../support/onnx-model.ts";
import { RANDOM_WIDTH, randomModel, randomRows } from "../support/random-model.ts";

/** Converted models in the real runtime, compared with their originals. */

const ROWS = 24;
const CONVERTERS = { fp16: halveModel, int8: quantizeModel } as const;
type Converter = keyof typeof CONVERTERS;

function converted(model: Uint8Array, precision: Converter): Uint8Array {
  const decoded = decodeOnnxModel(model);
  CONVERTERS[precision](decoded);
  return encodeOnnxModel(decoded);
}

async function answer(model: Uint8Array, x: Float32Array, width: number, outputs: readonly string[]) {
  await using session = await createSession(model, { device: "cpu", threads: 1 });
  const [input] = session.signature.inputs;
  const feed = { dtype: "float32", dims: [x.length / width, width], data: x.slice().buffer } as const;
  const found = await session.run({ [input?.name ?? ""]: feed }, outputs);
  return { signature: session.signature, found };
}

async function compare(original: Uint8Array, other: Uint8Array, seed: number) {
  const x = randomRows(seed, ROWS);
  const [before, after] = [
    await answer(original, x, RANDOM_WIDTH, ["y", "best"]),
    await answer(other, x, RANDOM_WIDTH, ["y", "best"]),
  ];
  expect(after.signature).toEqual(before.signature);
  const comparison = new OutputComparison({ tensor: "y", ranked: false, whole: false });
  const rows = (data: ArrayBuffer | undefined, row: number) =>
    new Float32Array(data ?? new ArrayBuffer(0)).subarray(row * RANDOM_WIDTH, (row + 1) * RANDOM_WIDTH);
  for (let row = 0; row < ROWS; row += 1) {
    comparison.add(rows(before.found.y?.data, row), rows(after.found.y?.data, row), { file: "f", row });
  }
  return comparison.finish(0.05);
}

// Products of sums of random weights. The loss is rounding, and stays in proportion.
describe.each([
  ["fp16", 0.9999],
  ["int8", 0.98],
] as const)("random models converted to %s", (precision, leastCosine) => {
  test("keep their signature, answer like the originals, and are the same bytes each time", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1_000_000 }), async (seed) => {
        const model = randomModel(seed);
        const other = converted(model, precision);
        expect(Buffer.compare(other, converted(model, precision))).toBe(0);
        const { meanCosine, notFiniteRows } = await compare(model, other, seed + 1);
        expect(notFiniteRows).toBe(0);
        expect(meanCosine).toBeGreaterThan(leastCosine);
      }),
      { numRuns: 40, seed: 7 },
    );
  });
});

test("a strict float16 model also rounds and overflows on the CPU", async () => {
  const original = mlpModel({ inputs: 2, hidden: [], outputs: 1 });
  const half = (strict: boolean) => {
    const model = decodeOnnxModel(original);
    const [weights, bias] = model.graph.initializer;
    if (weights === undefined || bias === undefined) throw new Error("no weights");
    weights.rawData = new Uint8Array(Float32Array.of(60_000, 1).buffer);
    bias.rawData = new Uint8Array(Float32Array.of(0).buffer);
    halveModel(model, { strict });
    return encodeOnnxModel(model);
  };
  const run = async (strict: boolean) => {
    await using session = await createSession(half(strict), { device: "cpu", threads: 1, optimize: !strict });
    const data = Float32Array.of(2, 0, 0, 2049).buffer;
    const { logits } = await session.run({ input: { dtype: "float32", dims: [2, 2], data } }, ["logits"]);
    return [...new Float32Array(logits?.data ?? new ArrayBuffer(0))];
  };
  // 2,049 is no float16: it becomes 2,048.
  expect(await run(true)).toEqual([Number.POSITIVE_INFINITY, 2048]);
  expect(await run(false)).not.toContain(Number.POSITIVE_INFINITY);
});

test("int8 weights that fit in seven bits are exact, and so is their product", async () => {
  const model = decodeOnnxModel(mlpModel({ inputs: 2, hidden: [], outputs: 2 }));
  const [weights] = model.graph.initializer;
  if (weights === undefined) throw new Error("no weights");
  // The largest value of each column is 64, so the scales are one.
  weights.rawData = new Uint8Array(Float32Array.of(64, -3, 17, 64).buffer);
  const bias = model.graph.initializer[1];
  if (bias === undefined) throw new Error("no bias");
  bias.rawData = new Uint8Array(Float32Array.of(0.5, -0.5).buffer);
  quantizeModel(model);
  // The range 0 to 255 has a scale of one, too.
  const { found } = await answer(encodeOnnxModel(model), Float32Array.of(255, 0, 1, 2), 2, ["logits"]);
  expect([...new Float32Array(found.logits?.data ?? new ArrayBuffer(0))]).toEqual([
    255 * 64 + 0.5,
    255 * -3 - 0.5,
    64 + 2 * 17 + 0.5,
    -3 + 2 * 64 - 0.5,
  ]);
});

test("sums of the largest int8 products do not saturate", async () => {
  const inputs = 512;
  const model = decodeOnnxModel(mlpModel({ inputs, hidden: [], outputs: 8 }));
  const [weights, bias] = model.graph.initializer;
  if (weights === undefined || bias === undefined) throw new Error("no weights");
  weights.rawData = new Uint8Array(new Float32Array(inputs * 8).fill(1).buffer);
  bias.rawData = new Uint8Array(new Float32Array(8).buffer);
  quantizeModel(model);
  const { found } = await answer(encodeOnnxModel(model), new Float32Array(inputs).fill(2), inputs, [
    "logits",
  ]);
  for (const value of new Float32Array(found.logits?.data ?? new ArrayBuffer(0))) {
    expect(value).toBeCloseTo(2 * inputs, 1);
  }
});
