import { expect, test } from "vitest";
import { signatureOf } from "../../../../shared/onnx/signature.ts";

const image = { name: "image", isTensor: true, type: "float32", shape: ["batch", 784] } as const;
const words = { name: "words", isTensor: true, type: "string", shape: ["batch"] } as const;
const brain = { name: "brain", isTensor: true, type: "bfloat16", shape: ["batch"] } as const;
const boxes = { name: "boxes", isTensor: false } as const;

test("tensors keep their name, dtype and dims, and an unnamed open dim has no name", () => {
  const logits = { name: "logits", isTensor: true, type: "float16", shape: ["batch", "", "?", 10] } as const;
  expect(signatureOf([image], [logits])).toEqual({
    inputs: [{ name: "image", dtype: "float32", dims: ["batch", 784] }],
    outputs: [{ name: "logits", dtype: "float16", dims: ["batch", "", "", 10] }],
    unusable: [],
  });
});

test("all inputs that no column can feed are refused by name", () => {
  const sign = () => signatureOf([image, brain, boxes], []);
  expect(sign).toThrow(
    expect.objectContaining({
      code: "MODEL_INVALID",
      fields: { tensor: "brain" },
      problems: [
        expect.objectContaining({ where: "brain", found: "a tensor of bfloat16" }),
        expect.objectContaining({ where: "boxes", found: "a sequence, map or optional value" }),
      ],
    }),
  );
});

test("outputs that no column can hold are listed separately with their kind", () => {
  const label = { name: "label", isTensor: true, type: "int64", shape: ["batch"] } as const;
  const prototype = { ...label, name: "__proto__" } as const;
  expect(signatureOf([image], [words, label, brain, boxes, prototype])).toMatchObject({
    outputs: [
      { name: "words", dtype: "string", dims: ["batch"] },
      { name: "label", dtype: "int64", dims: ["batch"] },
    ],
    unusable: [
      { name: "brain", kind: "a tensor of bfloat16" },
      { name: "boxes", kind: "a sequence, map or optional value" },
      { name: "__proto__", kind: "of a name that ONNX Runtime for Node.js does not support" },
    ],
  });
});
