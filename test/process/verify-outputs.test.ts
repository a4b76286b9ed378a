import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindMap } from "../../coordinator/plan/bind/bind-map.ts";
import { inspectModel } from "../../coordinator/plan/model/inspect-model.ts";
import { runOnce } from "../../coordinator/plan/model/run-once.ts";
import { verifyOutputs } from "../../coordinator/plan/verify-outputs.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";
import { mapSpec } from "../../shared/domain/map-spec.ts";
import type { Dim, ElementType } from "../../shared/domain/tensor.ts";
import { onnxModel } from "../support/onnx-model.ts";

const never = new AbortController().signal;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-verify-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Writes a model that returns its transposed input, whatever it declares. */
async function lyingModel(declared: readonly Dim[], input: readonly Dim[] = ["n", 3, 2]) {
  const bytes = onnxModel({
    inputs: [{ name: "x", dtype: "float32", dims: input }],
    outputs: [{ name: "y", dtype: "float32", dims: declared }],
    nodes: [{ op: "Transpose", inputs: ["x"], outputs: ["y"], attributes: { perm: [1, 0, 2] } }],
  });
  const path = join(folder, "lying.onnx");
  await writeFile(path, bytes);
  return await inspectModel(path, { signal: never });
}

const SIX: FieldType = { kind: "fixedList", length: 6, item: { kind: "numeric", type: "float32" } };
const FIELDS = [{ name: "x", type: SIX, nullable: false }];

async function verified(model: Awaited<ReturnType<typeof lyingModel>>, output: object) {
  const map = bindMap(mapSpec.parse({ outputs: { y: output } }), model.signature, FIELDS);
  await verifyOutputs(map, model, never);
  return map;
}

describe("a shape that differs from the declared one", () => {
  test("is accepted when a run of the model returns it", async () => {
    const model = await lyingModel([1, "length"]);
    const map = await verified(model, { shape: [3, 2], batchAxis: 1 });
    expect(map.outputs[0]).toMatchObject({ rowDims: [3, 2], batchAxis: 1 });
  });

  test("is refused when a run returns another shape, with that shape and the keys for it", async () => {
    const model = await lyingModel([1, "length"]);
    await expect(verified(model, { shape: [3, 4], batchAxis: 1 })).rejects.toMatchObject({
      code: "SPEC_INVALID",
      problems: [
        {
          where: "map.outputs.y",
          expected: "float32[3, 2, 4] for 2 rows",
          found: "float32[3, 2, 2]",
          hint: "if dimension 1 of that is the batch, set `shape: [3, 2]` and `batchAxis: 1`",
        },
      ],
    });
  });

  test("is accepted unverified when the model fails on generated rows", async () => {
    const bytes = onnxModel({
      inputs: [{ name: "x", dtype: "float32", dims: ["n", 6] }],
      outputs: [{ name: "y", dtype: "float32", dims: ["n", 1] }],
      constants: [{ name: "size", dtype: "int64", dims: [1], data: BigInt64Array.of(5n) }],
      nodes: [{ op: "Reshape", inputs: ["x", "size"], outputs: ["y"] }],
    });
    const path = join(folder, "failing.onnx");
    await writeFile(path, bytes);
    await verified(await inspectModel(path, { signal: never }), { shape: [5] });
  });
});

test.each<[ElementType, unknown]>([
  ["float16", 1],
  ["int64", "9007199254740993"],
  ["uint8", 255],
  ["bool", true],
  ["string", "a"],
])("a run gets generated values of %s and generated lists of open length", async (dtype, value) => {
  const bytes = onnxModel({
    inputs: [
      { name: "ids", dtype: "int64", dims: ["n", "s"] },
      { name: "v", dtype, dims: [3] },
    ],
    outputs: [
      { name: "y", dtype: "int64", dims: ["n", "s"] },
      { name: "same", dtype, dims: ["?"] },
    ],
    nodes: [
      { op: "Identity", inputs: ["ids"], outputs: ["y"] },
      { op: "Identity", inputs: ["v"], outputs: ["same"] },
    ],
  });
  const path = join(folder, `${dtype}.onnx`);
  await writeFile(path, bytes);
  const model = await inspectModel(path, { signal: never });
  const spec = mapSpec.parse({ inputs: { v: { value } }, outputs: { y: "y" } });
  const ids = { kind: "list", item: { kind: "numeric", type: "int64" } } as const;
  const map = bindMap(spec, model.signature, [{ name: "ids", type: ids, nullable: false }]);
  expect(await runOnce(model, map, ["y", "same"], { signal: never })).toEqual({
    kind: "ran",
    ran: { rows: 2, lengths: [64] },
    outputs: [
      { name: "y", dtype: "int64", dims: [2, 64] },
      { name: "same", dtype, dims: [3] },
    ],
  });
});
