import { describe, expect, it } from "vitest";
import { planSpans } from "../../../extensions/text/plan-spans.ts";
import { logitsColumn, offsetsColumn } from "../../../extensions/text/token-columns.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { fieldOfType } from "../../../shared/values/value-type.ts";
import { aFolder } from "../init/draft-fixtures.ts";

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
    { where: "map.finish[0].spans", fields: FIELDS, folder: aFolder({ labels }) },
  );
}

function planned(...of: Parameters<typeof plan>) {
  const step = plan(...of);
  if ("problems" in step) throw new Error(JSON.stringify(step.problems));
  return step;
}

describe("spans of labelled tokens", () => {
  it("spans replace logits and offsets, with labels of the folder or of the job", () => {
    const { data, columns, reads } = planned();
    expect(data).toMatchObject({ labels: ["O", "B-X", "I-X"] });
    expect(reads).toEqual(["logits", "body", "places"]);
    expect(columns.map(({ name, from }) => [name, from])).toEqual([
      ["id", "id"],
      ["body", "body"],
      ["spans", null],
    ]);
    expect(planned({ labels: ["a", "b", "c"] }).data).toMatchObject({ labels: ["a", "b", "c"] });
  });

  it.each([
    ["no labels", {}, null, "labels", "is missing"],
    [
      "labels of another model",
      { labels: ["O"] },
      null,
      "labels",
      "are more or fewer than the model's labels",
    ],
    ["an unknown output", { logits: "logit" }, undefined, "logits", "no column `logit`"],
    [
      "an output without scores of labels",
      { logits: "id" },
      undefined,
      "logits",
      "has no scores of labels for each token",
    ],
    ["a text column without text", { text: "id" }, undefined, "text", "column `id` is not text"],
    ["invalid offsets", { offsets: "body" }, undefined, "offsets", "does not have the offsets of tokens"],
    ["an existing column", { column: "ID" }, undefined, "column", "would make a second column `id`"],
  ])("a step with %s is refused with the key", (_, changes, labels, key, what) => {
    const refused = plan(changes, labels === undefined ? ["O", "B-X", "I-X"] : labels);
    expect(refused).toMatchObject({
      problems: expect.arrayContaining([
        expect.objectContaining({ where: `map.finish[0].spans.${key}`, what }),
      ]),
    });
  });
});
