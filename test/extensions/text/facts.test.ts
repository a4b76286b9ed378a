import { describe, expect, test } from "vitest";
import { doubts, said } from "../../unit/coordinator/plan/folder/folder-fixtures.ts";

describe("the tokenizer settings in a model's folder", () => {
  test("the limit of a sentence model takes precedence over that of the tokenizer", () => {
    const files = {
      "config.json": { max_position_embeddings: 512 },
      "tokenizer_config.json": { model_max_length: 512, truncation_side: "left" },
      "sentence_bert_config.json": { max_seq_length: 256 },
      "config_sentence_transformers.json": { prompts: { query: "query: ", document: "" } },
    };
    expect(said(files, true).facts.features.tokenizer).toEqual({
      file: "tokenizer.json",
      maxTokens: 256,
      maxTokensFrom: "sentence_bert_config.json: max_seq_length",
      mostTokens: 512,
      truncation: "left",
      prompts: { query: "query: " },
    });
    expect(said(files, false).facts.features.tokenizer).toBeUndefined();
  });

  test.each([
    ["the number that means unlimited", 1e30, null, []],
    [
      "more tokens than the model has positions for",
      1024,
      null,
      [["tokenizer", "tokenizer_config.json: model_max_length"]],
    ],
    ["not a whole number", 0.5, null, [["tokenizer", "tokenizer_config.json: model_max_length"]]],
    ["text", "512", null, [["tokenizer", "tokenizer_config.json: model_max_length"]]],
  ])("a limit that is %s is ignored", (_what, limit, maxTokens, expected) => {
    const files = {
      "config.json": { max_position_embeddings: 512 },
      "tokenizer_config.json": { model_max_length: limit },
    };
    expect(said(files, true).facts.features.tokenizer?.maxTokens).toBe(maxTokens);
    expect(doubts(files, true)).toEqual(expected);
  });

  test.each([
    [{ max_position_embeddings: 512 }, 512],
    [{ max_position_embeddings: 514, model_type: "xlm-roberta", pad_token_id: 1 }, 512],
    [{ max_position_embeddings: 514, model_type: "mpnet" }, 512],
    [{ model_type: "t5" }, null],
    [{ max_position_embeddings: 1e30 }, null],
  ])("%j has positions for %j tokens", (config, mostTokens) => {
    expect(said({ "config.json": config }, true).facts.features.tokenizer).toMatchObject({ mostTokens });
    expect(doubts({ "config.json": config }, true)).toEqual([]);
  });

  test("unsupported settings of the maker's library are reported as doubts", () => {
    const files = {
      "sentence_bert_config.json": { do_lower_case: true },
      "config_sentence_transformers.json": { prompts: { query: "q: " }, default_prompt_name: "query" },
      "config.json": { max_position_embeddings: -1 },
    };
    expect(doubts(files, true)).toEqual([
      ["tokenizer", "sentence_bert_config.json: do_lower_case"],
      ["tokenizer", "config.json: max_position_embeddings"],
      ["tokenizer", "config_sentence_transformers.json: default_prompt_name"],
    ]);
    const harmless = {
      "sentence_bert_config.json": { do_lower_case: false },
      "config_sentence_transformers.json": { prompts: { document: "" }, default_prompt_name: "document" },
    };
    expect(doubts(harmless, true)).toEqual([]);
  });
});
