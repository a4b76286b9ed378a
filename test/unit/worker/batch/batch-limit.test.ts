import { expect, test } from "vitest";
import type { MapPlan } from "../../../../shared/domain/map-plan.ts";
import { batchLimit } from "../../../../worker/batch/batch-limit.ts";
import { aBinding } from "../../../support/shard-inputs.ts";
import { anOutput } from "../../../support/shard-job.ts";

const plan = (changes: Partial<MapPlan> = {}): MapPlan => ({
  inputs: [aBinding({ dtype: "int64", uneven: { pad: 0 } })],
  outputs: [],
  keep: [],
  columns: ["c"],
  fixedBatchRows: null,
  ...changes,
});

test("rows x steps is within the budget, and a row longer than it runs alone", () => {
  const limit = batchLimit({ map: plan(), batchTokens: 1_000 });
  expect([1, 8, 300, 1_000, 5_000].map(limit)).toEqual([1_000, 125, 3, 1, 1]);
});

test("without a budget the memory of a batch is the limit: of inputs and outputs, each tensor once", () => {
  const vectors = anOutput({ rowDims: [1_000], rowValues: 1_000, uneven: true });
  const map = plan({ outputs: [vectors, { ...vectors, column: "again" }] });
  const rows = batchLimit({ map, batchTokens: "auto" })(100);
  expect(rows).toBe(Math.floor((64 << 20) / (100 * (8 + 4_000))));
  expect(batchLimit({ map, batchTokens: "auto" })(1 << 24)).toBe(1);
});

test("a model with a fixed batch gets it", () => {
  expect(batchLimit({ map: plan({ fixedBatchRows: 16 }), batchTokens: "auto" })(1 << 20)).toBe(16);
});
