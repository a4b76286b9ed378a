import onnxProto from "onnx-proto";
import { expect, test } from "vitest";
import {
  allGraphs,
  decodeOnnxModel,
  encodeOnnxModel,
  opsetOf,
} from "../../../extensions/convert/onnx/onnx-model.ts";
import { mlpModel, onnxModel } from "../../support/onnx-model.ts";

const { onnx } = onnxProto;

test("an unchanged model is written with all its fields, including unknown fields", () => {
  const full = onnx.ModelProto.decode(mlpModel({ inputs: 4, hidden: 8, outputs: 2 }));
  full.producerVersion = "7";
  full.metadataProps = [onnx.StringStringEntryProto.create({ key: "author", value: "somebody" })];
  const node = full.graph?.node?.[0];
  if (node) node.docString = "the first";
  // A field of a later ONNX version: number 60, one byte.
  const bytes = Buffer.concat([onnx.ModelProto.encode(full).finish(), Buffer.from([0xe0, 0x03, 0x05])]);
  const written = encodeOnnxModel(decodeOnnxModel(bytes));
  const again = onnx.ModelProto.decode(written);
  expect(again.toJSON()).toEqual(full.toJSON());
  expect(Buffer.from(written).includes(Buffer.from([0xe0, 0x03, 0x05]))).toBe(true);
});

test("the operator set version is that of the standard ONNX operators", () => {
  expect(opsetOf(decodeOnnxModel(mlpModel({ inputs: 1, hidden: 1, outputs: 1 })))).toBe(13);
});

test("graphs inside nodes are found, outer graphs first", () => {
  const inner = (name: string) => ({
    graph: {
      inputs: [],
      outputs: [{ name, dtype: "float32" as const, dims: [] }],
      nodes: [{ op: "Identity", inputs: ["x"], outputs: [name] }],
    },
  });
  const model = decodeOnnxModel(
    onnxModel({
      inputs: [{ name: "x", dtype: "float32", dims: [] }],
      outputs: [],
      nodes: [
        {
          op: "If",
          inputs: ["c"],
          outputs: ["y"],
          attributes: { then_branch: inner("a"), else_branch: inner("b") },
        },
      ],
    }),
  );
  expect([...allGraphs(model.graph)].map(({ output }) => output[0]?.name)).toEqual([undefined, "a", "b"]);
});

test.each([
  ["text", Buffer.from("this is no model")],
  ["a truncated model", mlpModel({ inputs: 4, hidden: 8, outputs: 2 }).subarray(0, 200)],
  ["an empty file", new Uint8Array()],
])("%s is refused", (_what, bytes) => {
  expect(() => decodeOnnxModel(bytes)).toThrow(expect.objectContaining({ code: "MODEL_INVALID" }));
});
