import { describe, expect, test } from "vitest";
import { aTensor, list } from "../plan/bind/bind-fixtures.ts";
import { draft, inputsOf, int, text } from "./draft-fixtures.ts";

describe("text in a drafted job", () => {
  const names = ["input_ids", "attention_mask"];
  const model = { inputs: names.map((name) => aTensor(name, ["batch", "sequence"], "int64")), outputs: [] };
  const tokenizer = {
    file: "tokenizer.json",
    maxTokens: 256,
    maxTokensFrom: null,
    mostTokens: null,
    truncation: "left",
    prompts: {},
  } as const;
  const keys = { tokenizer: "/m/tokenizer.json", maxTokens: 256, truncation: "left" };

  test("goes through the folder's tokenizer, and the mask is that of its ids", () => {
    expect(inputsOf({ id: text, body: text }, { model, folder: { tokenizer } })).toEqual([
      [{ column: "body", ...keys }, 0],
      [{ mask: "input_ids" }, 0],
    ]);
  });

  test("is asked about where several columns are text, and where its maker writes something in front", () => {
    const prompts = { query: "query: " };
    const { inputs, problems } = draft(
      { title: text, body: text },
      { model, folder: { tokenizer: { ...tokenizer, prompts } } },
    );
    expect(inputs[0]?.questions).toEqual([
      "which column is it? these are texts: title, body",
      'the model\'s maker writes a text in front: `prefix: "query: "` (query)',
    ]);
    expect(problems).toEqual([]);
  });

  test("is left alone where a column holds the ids", () => {
    expect(inputsOf({ body: text, tokens: list(int) }, { model, folder: { tokenizer } })[0]).toEqual([
      { column: "tokens" },
      0,
    ]);
  });
});
