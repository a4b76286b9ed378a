import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { planMap } from "../../../coordinator/plan/plan-map.ts";
import type { TokenizerFacts } from "../../../extensions/text/op.ts";
import { TEXT_PLANNER } from "../../../extensions/text/plan-input.ts";
import { readTokenizerFile } from "../../../extensions/text/text-tokenizer.ts";
import { sha256 } from "../../../shared/core/digest.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { mapSpec } from "../../../shared/domain/map-spec.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";
import { TOKENIZERS_PATH } from "../../support/tokenizers/path.ts";

const FIELDS: readonly Field[] = [
  { name: "body", type: { kind: "string" }, nullable: true },
  { name: "n", type: { kind: "numeric", type: "int64" }, nullable: false },
];
const PATH = join(TOKENIZERS_PATH, "wordpiece.json");
const content = await readFile(PATH);
const signal = new AbortController().signal;
const facts = await readTokenizerFile(content.toString("utf8"), signal);
const FILE = { location: parseLocation(PATH), bytes: content.length, sha256: sha256(content) };

/** Returns the tokenizer's folder, as if it were a model's. */
function folderWith(facts: Partial<TokenizerFacts>): ModelFolder {
  return {
    ...{ path: parseLocation(TOKENIZERS_PATH), file: "model.onnx", otherFiles: [], read: [], doubts: [] },
    facts: {
      ...{ architecture: null, labels: null, multiLabel: false, pooling: null },
      features: {
        tokenizer: {
          file: "wordpiece.json",
          maxTokens: null,
          maxTokensFrom: null,
          mostTokens: null,
          truncation: null,
          prompts: {},
          ...facts,
        },
      },
    },
  };
}

function plan(keys: object = {}, folder: ModelFolder | null = null) {
  const { inputs } = mapSpec.parse({
    inputs: { ids: { column: "body", tokenizer: PATH, ...keys }, types: { types: "ids" } },
  });
  const signature = { inputs: [], outputs: [], unusable: [] };
  const context = { fields: FIELDS, signature, folder, files: new Map([[PATH, FILE]]) };
  const descriptions = new Map([[PATH, { kind: "read" as const, facts }]]);
  return TEXT_PLANNER.plan("ids", inputs, { ...context, descriptions });
}

function opOf(keys: object, folder: ModelFolder | null) {
  const planned = plan(keys, folder);
  if (!("data" in planned)) throw new Error(JSON.stringify(planned.problems));
  return planned.data;
}

describe("an input of text", () => {
  it("an input becomes a step that reads the text, and inputs that read its columns", () => {
    expect(plan({ prefix: "query: " })).toMatchObject({
      data: { texts: ["body"], prefix: "query: ", specialTokens: true },
      files: [FILE],
      reads: ["body"],
      inputs: { ids: { column: "shardmill:ids:ids" }, types: { column: "shardmill:types:ids" } },
    });
  });

  it("truncation follows the job, then the folder of the tokenizer, then its file", () => {
    const folder = folderWith({ maxTokens: 77, truncation: "left" });
    expect(opOf({ maxTokens: 9, truncation: "right" }, folder)).toMatchObject({
      maxTokens: 9,
      truncation: "right",
    });
    expect(opOf({}, folder)).toMatchObject({ maxTokens: 77, truncation: "left" });
    const own = opOf({}, null);
    expect(opOf({}, folderWith({}))).toEqual(own);
    const elsewhere = { ...folder, path: parseLocation("/other") };
    expect(opOf({}, elsewhere)).toEqual(own);
  });

  it("the limit is at most the positions of the model, unless the job sets more", () => {
    expect(opOf({}, folderWith({ mostTokens: 5 }))).toMatchObject({ maxTokens: 5 });
    expect(opOf({}, folderWith({ mostTokens: 5, maxTokens: 4 }))).toMatchObject({ maxTokens: 4 });
    expect(opOf({ maxTokens: 6 }, folderWith({ mostTokens: 5 }))).toMatchObject({ maxTokens: 6 });
  });

  it("a key that is unclear in the tokenizer's folder is required in the job", () => {
    const doubtOf = (where: string, found = "?") => {
      const doubt = { about: "tokenizer" as const, where, what: "is odd", found };
      return { ...folderWith({ mostTokens: 512 }), doubts: [doubt] };
    };
    for (const [where, key, value] of [
      ["config_sentence_transformers.json: default_prompt_name", "prefix", ""],
      ["tokenizer_config.json: truncation_side", "truncation", "right"],
      ["sentence_bert_config.json: max_seq_length", "maxTokens", 9],
    ] as const) {
      const folder = doubtOf(where);
      expect(plan({}, folder)).toMatchObject({
        problems: [{ where: `map.inputs.ids.${key}`, what: expect.stringContaining(where) }],
      });
      expect(plan({ [key]: value }, folder)).toHaveProperty("data");
      expect(plan({}, { ...folder, path: parseLocation("/other") })).toHaveProperty("data");
    }
    const settled = doubtOf("tokenizer_config.json: model_max_length", "1000");
    expect(opOf({}, settled)).toHaveProperty("maxTokens");
  });

  it("a column without text and a limit without room are reported at once", () => {
    expect(plan({ column: "n", maxTokens: 2 })).toMatchObject({
      problems: [
        { where: "map.inputs.ids.column", found: "int64" },
        { where: "map.inputs.ids.maxTokens", what: "leaves no room for text" },
      ],
    });
    expect(plan({ column: "nope" })).toMatchObject({ problems: [{ where: "map.inputs.ids.column" }] });
  });
});

it("a state is not taken for token ids, regardless of its name", async () => {
  const value = (name: string, dims: readonly (number | string)[]) =>
    ({ name, dtype: "int64", dims, shape: dims }) as never;
  const signature = {
    inputs: [value("n", ["batch"]), value("tokens", ["batch", 2])],
    outputs: [value("y", ["batch"]), value("kept", ["batch", 2])],
    unusable: [],
  };
  const spec = mapSpec.parse({ inputs: {}, outputs: { y: "y" }, state: { tokens: { output: "kept" } } });
  const read = { folder: folderWith({}), files: new Map(), descriptions: new Map() };
  const planned = planMap([{ place: "map", map: spec, signature, ...read }], {
    ...{ fields: FIELDS, filter: null, textCauses: [], tables: {} },
    signal,
  });
  const problems = await planned.then(
    () => [],
    (error: { problems?: { where: string }[] }) => error.problems ?? [error],
  );
  expect(JSON.stringify(problems)).not.toContain("tokens");
});
