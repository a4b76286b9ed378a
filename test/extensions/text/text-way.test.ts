import { describe, expect, test } from "vitest";
import { aTensor, list } from "../../unit/coordinator/plan/bind/bind-fixtures.ts";
import { draft, inputsOf, int, text } from "../init/draft-fixtures.ts";

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

  test("text is tokenized by the folder's tokenizer, and the mask is made from its ids", () => {
    expect(inputsOf({ id: text, body: text }, { model, folder: { features: { tokenizer } } })).toEqual([
      [{ column: "body", ...keys }, 0],
      [{ mask: "input_ids" }, 0],
    ]);
  });

  test("questions are asked about several text columns and about a prefix of the model's maker", () => {
    const prompts = { query: "query: " };
    const { inputs, problems } = draft(
      { title: text, body: text },
      { model, folder: { features: { tokenizer: { ...tokenizer, prompts } } } },
    );
    expect(inputs[0]?.questions).toEqual([
      "which column is it? these are texts: title, body",
      'the model\'s author puts a prefix before texts: `prefix: "query: "` (query)',
    ]);
    expect(problems).toEqual([]);
  });

  test("text stays unused where a column has the ids", () => {
    expect(
      inputsOf({ body: text, tokens: list(int) }, { model, folder: { features: { tokenizer } } })[0],
    ).toEqual([{ column: "tokens" }, 0]);
  });

  test("two text columns feed a model of pairs, and token types come from the same tokens", () => {
    const all = ["input_ids", "attention_mask", "token_type_ids"];
    const inputs = all.map((name) => aTensor(name, ["batch", "sequence"], "int64"));
    const facts = {
      features: { tokenizer },
      architecture: "BertForSequenceClassification",
      labels: ["LABEL_0"],
    };
    const parts = { model: { inputs, outputs: [aTensor("logits", ["batch", 1])] }, folder: facts };
    const { inputs: drafted, outputs, problems } = draft({ query: text, passage: text }, parts);
    expect(drafted.map((input) => [input.keys, input.questions.length])).toEqual([
      [{ columns: ["query", "passage"], ...keys }, 0],
      [{ mask: "input_ids" }, 0],
      [{ types: "input_ids" }, 0],
    ]);
    expect(outputs.map((output) => [output.column, output.keys])).toEqual([["score", { tensor: "logits" }]]);
    expect(problems).toEqual([]);
    expect(draft({ one: text, two: text, three: text }, parts).inputs[0]).toMatchObject({
      keys: { columns: ["one", "two"] },
      questions: ["which two texts are compared, and which is the first? Columns of text: one, two, three"],
    });
  });

  test("a column of paths to files is not text", () => {
    const files = { clip: { what: "sounds" as const } };
    expect(
      inputsOf({ clip: text, body: text }, { model, folder: { features: { tokenizer } }, files })[0],
    ).toEqual([{ column: "body", ...keys }, 0]);
  });
});

describe("labelled tokens in a drafted job", () => {
  const inputs = ["input_ids", "attention_mask"].map((name) => aTensor(name, ["batch", "sequence"], "int64"));
  const outputs = [aTensor("logits", ["batch", "sequence", 3])];
  const tokenizer = {
    ...{ file: "tokenizer.json", maxTokens: 256, maxTokensFrom: null, mostTokens: null },
    ...{ truncation: null, prompts: {} },
  };
  const folder = {
    features: { tokenizer },
    architecture: "BertForTokenClassification",
    labels: ["O", "B-PER", "I-PER"],
  };

  test("labelled tokens become spans, and the text is kept with the places of its tokens", () => {
    const { inputs: drafted, ...rest } = draft(
      { id: text, body: text },
      { model: { inputs, outputs }, folder },
    );
    expect(drafted[0]?.keys).toMatchObject({ column: "body", offsets: "places" });
    expect(rest).toMatchObject({ keep: ["id", "body", "places"], problems: [] });
    expect(rest.finish).toEqual([
      { spans: { logits: "logits", text: "body", offsets: "places", column: "spans" } },
    ]);
  });

  test("new columns get names that no column has", () => {
    const types = { Places: text, body: text, spans: text, text_spans: text };
    const { keep, finish, problems } = draft(types, {
      model: { inputs: inputs.slice(0, 1), outputs },
      folder,
    });
    expect([keep, problems]).toEqual([["Places", "token_places"], []]);
    expect(finish).toMatchObject([{ spans: { offsets: "token_places", column: "spans_2" } }]);
  });

  test("no spans are made if the folder has other labels or the ids come from a column", () => {
    const model = { inputs, outputs };
    expect(draft({ body: text }, { model, folder: { ...folder, labels: ["O"] } }).finish).toEqual([]);
    const ids = draft({ body: text, input_ids: list(int) }, { model, folder });
    expect([ids.finish, ids.outputs.map(({ column }) => column)]).toEqual([[], ["logits"]]);
  });
});
