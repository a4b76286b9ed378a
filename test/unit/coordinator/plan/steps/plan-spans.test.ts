import { describe, expect, it } from "vitest";
import { planSpans } from "../../../../../coordinator/plan/steps/plan-spans.ts";
import { isShardmillError } from "../../../../../shared/core/errors.ts";
import type { Field } from "../../../../../shared/domain/dataset.ts";
import { fieldOfType } from "../../../../../shared/modules/value-type.ts";
import { logitsColumn, offsetsColumn } from "../../../../../shared/steps/token-columns.ts";

const FIELDS: readonly Field[] = [
  { name: "id", type: { kind: "numeric", type: "int64" }, nullable: false },
  { name: "body", type: { kind: "string" }, nullable: true },
  fieldOfType(logitsColumn("logits", "float32", 3)),
  fieldOfType(offsetsColumn("places")),
];
const SPANS = { logits: "logits", text: "body", offsets: "places", column: "spans", ignore: ["O"] } as const;

function plan(changes: object = {}, labels: readonly string[] | null = ["O", "B-X", "I-X"]) {
  return planSpans(
    { ...SPANS, strategy: "simple", ...changes },
    { where: "map.finish[0]", fields: FIELDS, labels },
  );
}

describe("spans of labelled tokens", () => {
  it("take the place of logits and offsets, with the labels of the folder or of the job", () => {
    const { op, columns, reads } = plan();
    expect(op).toMatchObject({ kind: "spans", labels: ["O", "B-X", "I-X"] });
    expect(reads).toEqual(["logits", "body", "places"]);
    expect(columns.map(({ name, from }) => [name, from])).toEqual([
      ["id", "id"],
      ["body", "body"],
      ["spans", null],
    ]);
    expect(plan({ labels: ["a", "b", "c"] }).op).toMatchObject({ labels: ["a", "b", "c"] });
  });

  it.each([
    ["no labels", {}, null, "labels", "is missing"],
    ["labels of another model", { labels: ["O"] }, null, "labels", "are not as many as the model has"],
    ["no such output", { logits: "logit" }, undefined, "logits", "no column `logit`"],
    [
      "an output of something else",
      { logits: "id" },
      undefined,
      "logits",
      "has no scores of labels for each token",
    ],
    ["a text that is none", { text: "id" }, undefined, "text", "column `id` is no text"],
    ["offsets that are none", { offsets: "body" }, undefined, "offsets", "does not say where tokens lie"],
    ["a column that is there", { column: "ID" }, undefined, "column", "would make a second column `id`"],
  ])("are refused with their key for %s", (_, changes, labels, key, what) => {
    try {
      plan(changes, labels === undefined ? ["O", "B-X", "I-X"] : labels);
      expect.unreachable();
    } catch (error) {
      if (!isShardmillError(error, "SPEC_INVALID")) throw error;
      expect(error.problems).toContainEqual(
        expect.objectContaining({ where: `map.finish[0].spans.${key}`, what }),
      );
    }
  });
});
