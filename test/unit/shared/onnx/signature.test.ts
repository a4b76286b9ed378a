import { expect, test } from "vitest";
import { signatureOf } from "../../../../shared/onnx/signature.ts";

const image = { name: "image", isTensor: true, type: "float32", shape: ["batch", 784] } as const;
const words = { name: "words", isTensor: true, type: "string", shape: ["batch"] } as const;
const boxes = { name: "boxes", isTensor: false } as const;

test("tensors keep their name, dtype and dims, and an open dim without a name gets one", () => {
  const logits = { name: "logits", isTensor: true, type: "float16", shape: ["batch", "", 10] } as const;
  expect(signatureOf([image], [logits])).toEqual({
    inputs: [{ name: "image", dtype: "float32", dims: ["batch", 784] }],
    outputs: [{ name: "logits", dtype: "float16", dims: ["batch", "dim1", 10] }],
  });
});

test("inputs that no column can feed are refused, all of them by name", () => {
  const sign = () => signatureOf([image, words, boxes], []);
  expect(sign).toThrow(
    expect.objectContaining({
      code: "MODEL_INVALID",
      fields: { tensor: "words" },
      problems: [
        expect.objectContaining({ where: "words", found: "a tensor of string" }),
        expect.objectContaining({ where: "boxes", found: "a sequence, map or optional value" }),
      ],
    }),
  );
});

test("outputs that no column can hold are left out of the signature", () => {
  const label = { name: "label", isTensor: true, type: "int64", shape: ["batch"] } as const;
  expect(signatureOf([image], [words, label, boxes]).outputs).toEqual([
    { name: "label", dtype: "int64", dims: ["batch"] },
  ]);
});
