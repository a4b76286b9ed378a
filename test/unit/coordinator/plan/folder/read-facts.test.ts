import { describe, expect, test } from "vitest";
import { doubts, read, said } from "./folder-fixtures.ts";

const LABELS = { 0: "negative", 1: "neutral", 2: "positive" };

describe("the facts of a model's folder", () => {
  test("a folder with only a model has no facts and no doubts", () => {
    expect(said({})).toEqual({
      facts: {
        architecture: null,
        labels: null,
        multiLabel: false,
        features: {},
        pooling: null,
      },
      doubts: [],
    });
  });

  test("labels are in the order of their indices, whatever their order in the file", () => {
    const many = Object.fromEntries([10, 2, 0, 1, 3, 9, 8, 7, 6, 5, 4].map((id) => [id, `c${id}`]));
    expect(said({ "config.json": { id2label: many } }).facts.labels).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((id) => `c${id}`),
    );
  });

  test("a setting that is nested too deep is a doubt, not a crash", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const { facts, doubts } = said({ "config.json": `{"id2label":{"0":${deep}},"problem_type":${deep}}` });
    expect(facts.labels).toBeNull();
    expect(doubts.map(({ where, found }) => [where, found])).toEqual([
      ["config.json: id2label", expect.stringContaining("too deep")],
      ["config.json: problem_type", expect.stringContaining("too deep")],
    ]);
  });

  test.each([
    ["a missing index", { id2label: { 0: "a", 2: "b" } }, "id2label"],
    ["a name that is not text", { id2label: { 0: "a", 1: 7 } }, "id2label"],
    ["a list", { id2label: ["a", "b"] }, "id2label"],
    [
      "label2id with other indices",
      { id2label: LABELS, label2id: { negative: 1, neutral: 0, positive: 2 } },
      "label2id",
    ],
    ["label2id with other names", { id2label: LABELS, label2id: { LABEL_0: 0 } }, "label2id"],
    ["two classes of one name", { id2label: { 0: "a", 1: "a" }, label2id: { a: 1 } }, "label2id"],
    ["another number of labels", { id2label: LABELS, num_labels: 2 }, "num_labels"],
  ])("labels with %s are unknown, and a doubt names the place", (_what, config, key) => {
    expect(said({ "config.json": config }).facts.labels).toBeNull();
    expect(doubts({ "config.json": config })).toEqual([["labels", `config.json: ${key}`]]);
  });

  test("a multi-label problem is detected, and an unknown problem type is a doubt that keeps the labels", () => {
    const told = (problem: string) => said({ "config.json": { id2label: LABELS, problem_type: problem } });
    expect(told("multi_label_classification").facts.multiLabel).toBe(true);
    expect(told("single_label_classification")).toMatchObject({ facts: { multiLabel: false }, doubts: [] });
    expect(told("ranking")).toMatchObject({
      facts: { multiLabel: false, labels: Object.values(LABELS) },
      doubts: [{ about: "task", where: "config.json: problem_type", found: '"ranking"' }],
    });
  });

  test("labels can be named like properties of every object", () => {
    const config =
      '{"id2label": {"0": "constructor", "1": "__proto__"}, "label2id": {"constructor": 0, "__proto__": 1}}';
    expect(said({ "config.json": config }).facts.labels).toEqual(["constructor", "__proto__"]);
    expect(doubts({ "config.json": { id2label: { 0: "toString" }, label2id: {} } })).toEqual([
      ["labels", "config.json: label2id"],
    ]);
  });

  test("every file that is not valid JSON of its kind is a problem, all reported at once", () => {
    const found = read({
      "config.json": "{",
      "modules.json": {},
      "tokenizer_config.json": "",
      "1_Pooling/config.json": [],
    });
    if (found.kind === "read") throw new Error("the folder was read");
    expect(found.problems.map(({ where }) => where)).toEqual([
      "config.json",
      "tokenizer_config.json",
      "modules.json",
      "1_Pooling/config.json",
    ]);
  });
});
