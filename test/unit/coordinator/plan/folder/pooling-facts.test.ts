import { describe, expect, test } from "vitest";
import { doubts, said } from "./folder-fixtures.ts";

describe("the pooling of a model's folder", () => {
  test("pooling and normalizing come from the modules of a sentence model", () => {
    const modules = ["Transformer", "Pooling", "Normalize"].map((name) => ({
      type: `sentence_transformers.models.${name}`,
    }));
    const pooling = {
      word_embedding_dimension: 384,
      pooling_mode_mean_tokens: true,
      pooling_mode_cls_token: false,
    };
    expect(said({ "modules.json": modules, "1_Pooling/config.json": pooling }).facts.pooling).toEqual({
      pool: "mean",
      normalize: true,
    });
    expect(
      said({ "modules.json": modules.slice(0, 2), "1_Pooling/config.json": pooling }).facts.pooling,
    ).toEqual({
      pool: "mean",
      normalize: false,
    });
  });

  test.each([
    [{ pooling_mode: "lasttoken", pooling_mode_mean_tokens: true }, "last"],
    [{ pooling_mode: "cls", embedding_dimension: 384 }, "cls"],
  ])("the name of a pooling takes precedence over the flags: %j", (pooling, pool) => {
    expect(said({ "1_Pooling/config.json": pooling }).facts.pooling).toEqual({ pool, normalize: false });
    expect(doubts({ "1_Pooling/config.json": pooling })).toEqual([]);
  });

  test.each([
    [{ pooling_mode_mean_tokens: true, pooling_mode_max_tokens: true }, "pooling_mode_mean_tokens"],
    [{ pooling_mode_weightedmean_tokens: true }, "pooling_mode_weightedmean_tokens"],
    [{ word_embedding_dimension: 384 }, "pooling_mode_mean_tokens"],
    [{ pooling_mode: "weightedmean" }, "pooling_mode"],
    [{ pooling_mode: "constructor" }, "pooling_mode"],
  ])("an unknown or ambiguous pooling is a doubt: %j", (pooling, key) => {
    expect(said({ "1_Pooling/config.json": pooling }).facts.pooling).toBeNull();
    expect(doubts({ "1_Pooling/config.json": pooling })).toEqual([
      ["pooling", `1_Pooling/config.json: ${key}`],
    ]);
  });

  const modulesOf = (...names: readonly string[]) =>
    names.map((name, at) => ({
      type: `sentence_transformers.models.${name}`,
      path: at === 0 ? "" : `${at}_${name}`,
    }));
  const MEAN = { pooling_mode_mean_tokens: true };

  test.each([
    ["an unsupported module", modulesOf("Transformer", "Pooling", "Dense", "Normalize"), MEAN, "type"],
    ["a pooling without its module", modulesOf("Transformer", "Normalize"), MEAN, "type"],
    ["a pooling without its settings", modulesOf("Transformer", "Pooling"), null, "type"],
    [
      "a pooling with settings in another folder",
      modulesOf("Transformer", "Normalize", "Pooling"),
      MEAN,
      "path",
    ],
    ["a module without a type", [{ path: "" }], MEAN, "type"],
  ])("%s is a doubt, and no pooling is known", (_what, modules, pooling, key) => {
    const files = {
      "modules.json": modules,
      ...(pooling === null ? {} : { "1_Pooling/config.json": pooling }),
    };
    expect(said(files).facts.pooling).toBeNull();
    expect(doubts(files)).toEqual([["pooling", `modules.json: ${key}`]]);
  });

  test("a doubt about modules shows what was found", () => {
    expect(said({ "modules.json": modulesOf("Transformer", "Dense") }).doubts).toMatchObject([
      { found: expect.stringContaining('["sentence_transformers.models.Transformer","sentence_tr') },
    ]);
  });

  test("a pooling that excludes the prompt is unsupported and a doubt", () => {
    const pooling = { ...MEAN, include_prompt: false };
    expect(said({ "1_Pooling/config.json": pooling }).facts.pooling).toBeNull();
    expect(doubts({ "1_Pooling/config.json": pooling })).toEqual([
      ["pooling", "1_Pooling/config.json: include_prompt"],
    ]);
  });
});
