import { describe, expect, test } from "vitest";
import { withLikelyInputs } from "../../../coordinator/plan/input-steps/likely-inputs.ts";
import { withFolderTexts } from "../../../extensions/text/defaults.ts";
import type { Field, FieldType } from "../../../shared/domain/dataset.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { mapSpec } from "../../../shared/domain/map-spec.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";
import { specDigest } from "../../../shared/job-file/spec-digest.ts";
import { parseJob } from "../../unit/shared/job-file/job-text.ts";

const TEXT: FieldType = { kind: "string" };
const IDS: FieldType = { kind: "list", item: { kind: "numeric", type: "int64" } };
const TOKENIZER = "/m/tokenizer.json";

const fields = (types: Readonly<Record<string, FieldType>>): readonly Field[] =>
  Object.entries(types).map(([name, type]) => ({ name, type, nullable: true }));
const FIELDS = fields({
  body: TEXT,
  title: { kind: "dictionary", values: TEXT },
  tokens: IDS,
});

const NOTHING = {
  ...{ architecture: null, labels: null, multiLabel: false, features: {}, pooling: null },
};
const tokenizer = {
  ...{ file: "tokenizer.json", maxTokens: null, maxTokensFrom: null, mostTokens: null },
  ...{ truncation: null, prompts: {} },
};
const FOLDER: ModelFolder = {
  ...{ path: parseLocation("/m"), file: "model.onnx", otherFiles: [], read: [], doubts: [] },
  facts: { ...NOTHING, features: { tokenizer } },
};
const BARE = { ...FOLDER, facts: NOTHING };

/** Fills the inputs of a job for a model with inputs of these names. */
function filled(
  inputs: object,
  names: readonly string[],
  folder: ModelFolder | null = FOLDER,
  dtype = "int64",
) {
  const tensors = names.map((name) => ({ name, dtype, dims: ["batch", "sequence"] }) as const);
  const known = withFolderTexts(mapSpec.parse({ inputs }).inputs, {
    ...{ fields: FIELDS, folder, hasSteps: false },
    tensors: tensors.map((tensor) => ({ ...tensor, dtype: dtype === "string" ? "string" : "int64" })),
  });
  return Object.fromEntries(
    Object.entries(known).map(([name, { scale: _scale, offset: _offset, ...keys }]) => [name, keys]),
  );
}

describe("token ids from a column of text", () => {
  test("the tokenizer of the model's folder makes the ids, masks and types", () => {
    expect(filled({ input_ids: "body" }, ["input_ids", "attention_mask", "token_type_ids"])).toEqual({
      input_ids: { column: "body", tokenizer: TOKENIZER },
      attention_mask: { mask: "input_ids" },
      token_type_ids: { types: "input_ids" },
    });
    expect(filled({ input_ids: "title" }, ["input_ids"])).toEqual({
      input_ids: { column: "title", tokenizer: TOKENIZER },
    });
    expect(filled({ input_ids: { columns: ["body", "title"] } }, ["input_ids"])).toEqual({
      input_ids: { columns: ["body", "title"], tokenizer: TOKENIZER },
    });
  });

  test("keys in the job for ids and masks are kept", () => {
    const inputs = {
      input_ids: { column: "body", tokenizer: "/other/tokenizer.json", maxTokens: 7 },
      attention_mask: { column: "tokens" },
      token_type_ids: { mask: "input_ids" },
    };
    expect(filled(inputs, Object.keys(inputs))).toEqual(inputs);
  });

  test.each<[string, object, readonly string[], ModelFolder | null]>([
    ["a column of numbers", { input_ids: "tokens" }, ["input_ids", "attention_mask"], FOLDER],
    ["a missing column", { input_ids: "nope" }, ["input_ids"], FOLDER],
    [
      "one column of text and one of numbers",
      { input_ids: { columns: ["body", "tokens"] } },
      ["input_ids"],
      FOLDER,
    ],
    ["three columns of text", { input_ids: { columns: ["body", "body", "title"] } }, ["input_ids"], FOLDER],
    ["a pattern", { input_ids: { columns: "b*" } }, ["input_ids"], FOLDER],
    ["an input of another name", { x: "body" }, ["x"], FOLDER],
    ["an input that the model does not have", { input_ids: "body" }, ["ids"], FOLDER],
    ["no folder", { input_ids: "body" }, ["input_ids"], null],
    ["a folder without a tokenizer", { input_ids: "body" }, ["input_ids"], BARE],
  ])("%s is left unchanged", (_what, inputs, names, folder) => {
    const whole = mapSpec.parse({ inputs }).inputs;
    const plain = Object.entries(whole).map(([name, { scale: _s, offset: _o, ...keys }]) => [name, keys]);
    expect(filled(inputs, names, folder)).toEqual(Object.fromEntries(plain));
  });

  test("texts that the model accepts directly stay unchanged", () => {
    expect(filled({ tokens: "body" }, ["tokens"], FOLDER, "string")).toEqual({ tokens: { column: "body" } });
  });

  test("the masks of two such inputs must be set by the job", () => {
    const inputs = { input_ids: "body", ids: "title" };
    expect(Object.keys(filled(inputs, ["input_ids", "ids", "attention_mask"]))).toEqual(["input_ids", "ids"]);
  });
});

describe("the identity of a job with texts", () => {
  const digest = async (map: string, folder: ModelFolder | null = FOLDER) => {
    const spec = parseJob({ map: `keep: []\n${map}` });
    return specDigest(await withLikelyInputs(spec, FIELDS, folder), [folder?.facts ?? null]);
  };
  const left = "inputs: { input_ids: body }";

  test("the digest is the same when the job writes the defaults of its folder", async () => {
    const written =
      "inputs: { input_ids: { column: body, tokenizer: /m/tokenizer.json }, attention_mask: { mask: input_ids }, " +
      "token_type_ids: { types: input_ids } }";
    expect(await digest(written)).toBe(await digest(left));
    expect(await digest(written, BARE)).not.toBe(await digest(left, BARE));
  });

  test("the digest includes the folder's token limit only for a column of text", async () => {
    const limited = {
      ...FOLDER,
      facts: { ...NOTHING, features: { tokenizer: { ...tokenizer, maxTokens: 9 } } },
    };
    expect(await digest(left, limited)).not.toBe(await digest(left));
    const ids = "inputs: { input_ids: tokens }";
    expect(await digest(ids, limited)).toBe(await digest(ids, BARE));
  });

  test("any column after steps counts as text, because the columns are unknown", async () => {
    const stepped = (column: string) =>
      `inputs: { input_ids: ${column} }\nprepare: [{ sql: SELECT * FROM rows }]`;
    expect(await digest(stepped("made"))).not.toBe(await digest(stepped("made"), BARE));
  });
});
