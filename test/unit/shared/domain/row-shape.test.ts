import { expect, test } from "vitest";
import { rowShapeOf } from "../../../../shared/domain/row-shape.ts";
import { aBinding } from "../../../support/shard-inputs.ts";

const even = aBinding();
const padded = aBinding({ rowShape: { kind: "padded", pad: 0, sequence: 0 } });
const unpadded = aBinding({ rowShape: { kind: "unpadded", sequence: 0 } });

test.each([
  ["even", [even, even]],
  ["padded", [even, padded]],
  ["padded", [padded, padded]],
  ["unpadded", [padded, unpadded, even]],
] as const)("rows are %s by all inputs together (case %#)", (shape, inputs) => {
  expect(rowShapeOf({ inputs })).toBe(shape);
});
