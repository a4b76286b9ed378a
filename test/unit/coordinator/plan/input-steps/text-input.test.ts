import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { textInput } from "../../../../../coordinator/plan/input-steps/text-input.ts";
import { planMap } from "../../../../../coordinator/plan/plan-map.ts";
import { sha256 } from "../../../../../shared/core/digest.ts";
import type { Field } from "../../../../../shared/domain/dataset.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { mapSpec } from "../../../../../shared/domain/map-spec.ts";
import type { ModelFolder, TokenizerFacts } from "../../../../../shared/domain/model-folder.ts";
import { readTokenizerFile } from "../../../../../shared/text/text-tokenizer.ts";
import { TOKENIZERS_PATH } from "../../../../support/tokenizers/path.ts";

const FIELDS: readonly Field[] = [
  { name: "body", type: { kind: "string" }, nullable: true },
  { name: "n", type: { kind: "numeric", type: "int64" }, nullable: false },
];
const PATH = join(TOKENIZERS_PATH, "wordpiece.json");
const content = await readFile(PATH);
const signal = new AbortController().signal;
const facts = await readTokenizerFile(content.toString("utf8"), signal);
const FILE = { location: parseLocation(PATH), bytes: content.length, sha256: sha256(content) };

/** The folder that the tokenizer lies in, as if it were a model's. */
function folderWith(facts: Partial<TokenizerFacts>): ModelFolder {
  return {
    ...{ path: parseLocation(TOKENIZERS_PATH), file: "model.onnx", otherFiles: [], read: [], doubts: [] },
    facts: {
      ...{ architecture: null, labels: null, multiLabel: false, image: null, features: {}, pooling: null },
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
  };
}

async function plan(keys: object = {}, folder: ModelFolder | null = null) {
  const { inputs } = mapSpec.parse({
    inputs: { ids: { column: "body", tokenizer: PATH, ...keys }, types: { types: "ids" } },
  });
  const signature = { inputs: [], outputs: [], unusable: [] };
  const context = { fields: FIELDS, signature, folder, files: new Map([[PATH, FILE]]) };
  const tokenizers = new Map([[PATH, { kind: "read" as const, facts }]]);
  return await textInput.plan("ids", inputs, { ...context, tokenizers, signal });
}

async function opOf(keys: object, folder: ModelFolder | null) {
  const planned = await plan(keys, folder);
  if (!("step" in planned)) throw new Error(JSON.stringify(planned.problems));
  return planned.step.op;
}

describe("an input of text", () => {
  it("becomes a step that reads the text, and inputs of what it makes", async () => {
    expect(await plan({ prefix: "query: " })).toMatchObject({
      step: {
        where: "map.inputs.ids.tokenizer",
        op: { kind: "tokenize", texts: ["body"], prefix: "query: ", specialTokens: true },
        files: [FILE],
        reads: ["body"],
      },
      inputs: { ids: { column: "shardmill:ids:ids" }, types: { column: "shardmill:types:ids" } },
    });
  });

  it("is cut off as the job says, else as the folder of the tokenizer says, else as its file says", async () => {
    const folder = folderWith({ maxTokens: 77, truncation: "left" });
    expect(await opOf({ maxTokens: 9, truncation: "right" }, folder)).toMatchObject({
      maxTokens: 9,
      truncation: "right",
    });
    expect(await opOf({}, folder)).toMatchObject({ maxTokens: 77, truncation: "left" });
    const own = await opOf({}, null);
    expect(await opOf({}, folderWith({}))).toEqual(own);
    const elsewhere = { ...folder, path: parseLocation("/other") };
    expect(await opOf({}, elsewhere)).toEqual(own);
  });

  it("has no more tokens than the model has positions for, unless the job says so", async () => {
    expect(await opOf({}, folderWith({ mostTokens: 5 }))).toMatchObject({ maxTokens: 5 });
    expect(await opOf({}, folderWith({ mostTokens: 5, maxTokens: 4 }))).toMatchObject({ maxTokens: 4 });
    expect(await opOf({ maxTokens: 6 }, folderWith({ mostTokens: 5 }))).toMatchObject({ maxTokens: 6 });
  });

  it("says itself what its tokenizer's folder leaves unclear", async () => {
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
      expect(await plan({}, folder)).toMatchObject({
        problems: [{ where: `map.inputs.ids.${key}`, what: expect.stringContaining(where) }],
      });
      expect(await plan({ [key]: value }, folder)).toHaveProperty("step");
      expect(await plan({}, { ...folder, path: parseLocation("/other") })).toHaveProperty("step");
    }
    const settled = doubtOf("tokenizer_config.json: model_max_length", "1000");
    expect(await opOf({}, settled)).toHaveProperty("maxTokens");
  });

  it("is of text, and leaves room for it: all that is wrong is told at once", async () => {
    expect(await plan({ column: "n", maxTokens: 2 })).toMatchObject({
      problems: [
        { where: "map.inputs.ids.column", found: "int64" },
        { where: "map.inputs.ids.maxTokens", what: "leaves no room for text" },
      ],
    });
    expect(await plan({ column: "nope" })).toMatchObject({ problems: [{ where: "map.inputs.ids.column" }] });
  });
});

it("takes no state for ids, whatever it is called", async () => {
  const value = (name: string, dims: readonly (number | string)[]) =>
    ({ name, dtype: "int64", dims, shape: dims }) as never;
  const signature = {
    inputs: [value("n", ["batch"]), value("tokens", ["batch", 2])],
    outputs: [value("y", ["batch"]), value("kept", ["batch", 2])],
    unusable: [],
  };
  const spec = mapSpec.parse({ inputs: {}, outputs: { y: "y" }, state: { tokens: { output: "kept" } } });
  const planned = planMap(spec, signature, {
    ...{
      fields: FIELDS,
      folder: folderWith({}),
      filter: null,
      textCauses: [],
      files: new Map(),
      tokenizers: new Map(),
    },
    signal,
  });
  const problems = await planned.then(
    () => [],
    (error: { problems?: { where: string }[] }) => error.problems ?? [error],
  );
  expect(JSON.stringify(problems)).not.toContain("tokens");
});
