import { describe, expect, test } from "vitest";
import { readFacts } from "../../../../../coordinator/plan/folder/read-facts.ts";

type Files = Readonly<Record<string, unknown>>;

/** Of the files of a folder; texts are taken as they are. */
function read(files: Files, hasTokenizer = false) {
  const texts = Object.entries(files).map(
    ([name, content]) => [name, typeof content === "string" ? content : JSON.stringify(content)] as const,
  );
  return readFacts(new Map(texts), hasTokenizer);
}

function said(files: Files, hasTokenizer = false) {
  const found = read(files, hasTokenizer);
  if (found.kind !== "read") throw new Error(JSON.stringify(found.problems));
  return found.said;
}

function doubts(files: Files, hasTokenizer = false) {
  return said(files, hasTokenizer).doubts.map(({ about, where }) => [about, where]);
}

const LABELS = { 0: "negative", 1: "neutral", 2: "positive" };

describe("what a model's folder says", () => {
  test("a folder with only a model says nothing, and leaves no doubt", () => {
    expect(said({})).toEqual({
      facts: {
        architecture: null,
        labels: null,
        multiLabel: false,
        tokenizer: null,
        image: null,
        sound: null,
        pooling: null,
      },
      doubts: [],
    });
  });

  test("labels are in the order of their indices, whatever order the file has them in", () => {
    const many = Object.fromEntries([10, 2, 0, 1, 3, 9, 8, 7, 6, 5, 4].map((id) => [id, `c${id}`]));
    expect(said({ "config.json": { id2label: many } }).facts.labels).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((id) => `c${id}`),
    );
  });

  test("a setting that nests without end is a doubt, not a fall", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const { facts, doubts } = said({ "config.json": `{"id2label":{"0":${deep}},"problem_type":${deep}}` });
    expect(facts.labels).toBeNull();
    expect(doubts.map(({ where, found }) => [where, found])).toEqual([
      ["config.json: id2label", expect.stringContaining("too deep")],
      ["config.json: problem_type", expect.stringContaining("too deep")],
    ]);
  });

  test.each([
    ["a hole", { id2label: { 0: "a", 2: "b" } }, "id2label"],
    ["a name that is no text", { id2label: { 0: "a", 1: 7 } }, "id2label"],
    ["a list", { id2label: ["a", "b"] }, "id2label"],
    [
      "label2id with other indices",
      { id2label: LABELS, label2id: { negative: 1, neutral: 0, positive: 2 } },
      "label2id",
    ],
    ["label2id with other names", { id2label: LABELS, label2id: { LABEL_0: 0 } }, "label2id"],
    ["two classes of one name", { id2label: { 0: "a", 1: "a" }, label2id: { a: 1 } }, "label2id"],
    ["another number of labels", { id2label: LABELS, num_labels: 2 }, "num_labels"],
  ])("labels with %s are unknown, and a doubt says where", (_what, config, key) => {
    expect(said({ "config.json": config }).facts.labels).toBeNull();
    expect(doubts({ "config.json": config })).toEqual([["labels", `config.json: ${key}`]]);
  });

  test("names from a prototype are no settings", () => {
    const config =
      '{"id2label": {"0": "constructor", "1": "__proto__"}, "label2id": {"constructor": 0, "__proto__": 1}}';
    expect(said({ "config.json": config }).facts.labels).toEqual(["constructor", "__proto__"]);
    expect(doubts({ "config.json": { id2label: { 0: "toString" }, label2id: {} } })).toEqual([
      ["labels", "config.json: label2id"],
    ]);
  });

  test("the limit of a sentence model is its maker's, before that of the tokenizer", () => {
    const files = {
      "config.json": { max_position_embeddings: 512 },
      "tokenizer_config.json": { model_max_length: 512, truncation_side: "left" },
      "sentence_bert_config.json": { max_seq_length: 256 },
      "config_sentence_transformers.json": { prompts: { query: "query: ", document: "" } },
    };
    expect(said(files, true).facts.tokenizer).toEqual({
      file: "tokenizer.json",
      maxTokens: 256,
      maxTokensFrom: "sentence_bert_config.json: max_seq_length",
      mostTokens: 512,
      truncation: "left",
      prompts: { query: "query: " },
    });
    expect(said(files, false).facts.tokenizer).toBeNull();
  });

  test.each([
    ["the number that stands for no limit", 1e30, null, []],
    [
      "more tokens than the model has positions for",
      1024,
      null,
      [["tokenizer", "tokenizer_config.json: model_max_length"]],
    ],
    ["no whole number", 0.5, null, [["tokenizer", "tokenizer_config.json: model_max_length"]]],
    ["text", "512", null, [["tokenizer", "tokenizer_config.json: model_max_length"]]],
  ])("a limit that is %s is no limit", (_what, limit, maxTokens, expected) => {
    const files = {
      "config.json": { max_position_embeddings: 512 },
      "tokenizer_config.json": { model_max_length: limit },
    };
    expect(said(files, true).facts.tokenizer?.maxTokens).toBe(maxTokens);
    expect(doubts(files, true)).toEqual(expected);
  });

  test.each([
    [{ max_position_embeddings: 512 }, 512],
    [{ max_position_embeddings: 514, model_type: "xlm-roberta", pad_token_id: 1 }, 512],
    [{ max_position_embeddings: 514, model_type: "mpnet" }, 512],
    [{ model_type: "t5" }, null],
    [{ max_position_embeddings: 1e30 }, null],
  ])("%j has positions for %j tokens", (config, mostTokens) => {
    expect(said({ "config.json": config }, true).facts.tokenizer).toMatchObject({ mostTokens });
    expect(doubts({ "config.json": config }, true)).toEqual([]);
  });

  test("what the maker's library does before its tokenizer, and no setting here, is told", () => {
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
    [{ pooling_mode_mean_tokens: true, pooling_mode_max_tokens: true }, "pooling_mode_mean_tokens"],
    [{ pooling_mode_weightedmean_tokens: true }, "pooling_mode_weightedmean_tokens"],
    [{ word_embedding_dimension: 384 }, "pooling_mode_mean_tokens"],
  ])("a pooling that is not one of the known ones is a doubt: %j", (pooling, key) => {
    expect(said({ "1_Pooling/config.json": pooling }).facts.pooling).toBeNull();
    expect(doubts({ "1_Pooling/config.json": pooling })).toEqual([
      ["pooling", `1_Pooling/config.json: ${key}`],
    ]);
  });

  test("a module that nothing here runs is a doubt", () => {
    expect(doubts({ "modules.json": [{ type: "sentence_transformers.models.Dense" }] })).toEqual([
      ["pooling", "modules.json: type"],
    ]);
  });

  const VIT = {
    image_processor_type: "ViTImageProcessor",
    do_resize: true,
    size: { height: 224, width: 224 },
    resample: 2,
    do_rescale: true,
    rescale_factor: 0.00392156862745098,
    do_normalize: true,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  };

  test("an image is resized, cropped, rescaled and normalized as its processor is set", () => {
    expect(said({ "preprocessor_config.json": VIT }).facts.image).toEqual({
      resize: { width: 224, height: 224 },
      resample: "bilinear",
      crop: null,
      rescale: 0.00392156862745098,
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      channels: "rgb",
    });
    const clip = {
      ...VIT,
      size: { shortest_edge: 256 },
      do_center_crop: true,
      crop_size: 224,
      do_normalize: false,
    };
    expect(said({ "preprocessor_config.json": clip }).facts.image).toMatchObject({
      resize: { shortestEdge: 256 },
      crop: { width: 224, height: 224 },
      mean: null,
    });
  });

  test.each([
    ["size", { size: 224, image_processor_type: "SomethingImageProcessor" }],
    ["size", { size: { shortest_edge: 800, longest_edge: 1333 } }],
    ["resample", { resample: 4 }],
    ["crop_size", { crop_size: 224 }],
    ["image_mean", { image_mean: [0.5, 0.5] }],
    ["do_pad", { do_pad: true }],
  ])("an image setting that is not understood is a doubt: %s in %j", (key, change) => {
    expect(doubts({ "preprocessor_config.json": { ...VIT, ...change } })).toEqual([
      ["image", `preprocessor_config.json: ${key}`],
    ]);
  });

  test("a number for both sides, or for the shorter one, is known by the processor", () => {
    const resizeOf = (type: string) =>
      said({ "preprocessor_config.json": { ...VIT, size: 224, image_processor_type: type } }).facts.image
        ?.resize;
    expect(resizeOf("ViTImageProcessorFast")).toEqual({ width: 224, height: 224 });
    expect(resizeOf("CLIPImageProcessor")).toEqual({ shortestEdge: 224 });
  });

  test("a preprocessor of sound says nothing of images", () => {
    expect(
      said({ "preprocessor_config.json": { sampling_rate: 16000, do_normalize: true } }).facts.image,
    ).toBeNull();
  });

  test("every file that is no JSON of its kind is a problem, all at once", () => {
    const found = read({
      "config.json": "{",
      "modules.json": {},
      "tokenizer_config.json": "",
      "1_Pooling/config.json": [],
    });
    if (found.kind === "read") throw new Error("it was read");
    expect(found.problems.map(({ where }) => where)).toEqual([
      "config.json",
      "tokenizer_config.json",
      "modules.json",
      "1_Pooling/config.json",
    ]);
  });
});
