import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectModel } from "../../coordinator/plan/model/inspect-model.ts";
import { mlpModel, onnxModel } from "../support/onnx-model.ts";

const never = new AbortController().signal;
const bytes = mlpModel({ inputs: 8, hidden: 16, outputs: 3, batch: 4 });
let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-inspect-"));
  path = join(folder, "digits.onnx");
  await writeFile(path, bytes);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("inspectModel returns the size, digest and signature of a model file", async () => {
  expect(await inspectModel(path, { signal: never })).toEqual({
    path,
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    externalData: [],
    signature: {
      inputs: [{ name: "input", dtype: "float32", dims: [4, 8] }],
      outputs: [{ name: "logits", dtype: "float32", dims: [4, 3] }],
      unusable: [],
      metadata: {},
    },
  });
});

test("a missing model fails with MODEL_NOT_FOUND and the nearest name in its folder", async () => {
  await expect(inspectModel(join(folder, "digit.onnx"), { signal: never })).rejects.toMatchObject({
    code: "MODEL_NOT_FOUND",
    fields: { path: join(folder, "digit.onnx") },
    hint: "did you mean `digits.onnx`?",
  });
  await expect(inspectModel(join(folder, "something-else.onnx"), { signal: never })).rejects.toMatchObject({
    code: "MODEL_NOT_FOUND",
    hint: expect.stringContaining("digits.onnx"),
  });
  await expect(inspectModel(join(folder, "none", "a.onnx"), { signal: never })).rejects.toMatchObject({
    code: "MODEL_NOT_FOUND",
    hint: expect.stringContaining("not there either"),
  });
});

test("a folder and a corrupt file fail with MODEL_INVALID and their path", async () => {
  const inside = join(folder, "inside.onnx");
  await mkdir(inside);
  await expect(inspectModel(inside, { signal: never })).rejects.toMatchObject({
    code: "MODEL_INVALID",
    fields: { path: inside },
  });
  const corrupt = join(folder, "corrupt.onnx");
  await writeFile(corrupt, bytes.subarray(0, 99));
  await expect(inspectModel(corrupt, { signal: never })).rejects.toMatchObject({
    code: "MODEL_INVALID",
    fields: { path: corrupt },
    hint: expect.stringContaining("copied whole"),
  });
});

test("an unsupported input is reported with its name, its problem and the model's path", async () => {
  const words = join(folder, "words.onnx");
  const model = onnxModel({
    inputs: [{ name: "x", dtype: "float32", dims: ["batch"], sequence: true }],
    outputs: [{ name: "y", dtype: "int64", dims: [] }],
    nodes: [{ op: "SequenceLength", inputs: ["x"], outputs: ["y"] }],
  });
  await writeFile(words, model);
  await expect(inspectModel(words, { signal: never })).rejects.toMatchObject({
    code: "MODEL_INVALID",
    fields: { path: words, tensor: "x" },
    problems: [{ where: "x", found: "a sequence, map or optional value" }],
  });
});

test("a slow load fails with MODEL_INVALID, and an aborted load with the signal's reason", async () => {
  await expect(inspectModel(path, { limitMs: 1, signal: never })).rejects.toMatchObject({
    code: "MODEL_INVALID",
    fields: { path },
  });
  await expect(inspectModel(path, { signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow(
    "stopped",
  );
});
