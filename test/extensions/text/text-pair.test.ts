import { expect, test } from "vitest";
import { textPair } from "../../../extensions/text/text-pair.ts";
import type { FolderFacts } from "../../../shared/domain/model-folder.ts";
import type { Dim } from "../../../shared/domain/tensor.ts";
import { aModel, aTensor, fields } from "../../unit/coordinator/plan/bind/bind-fixtures.ts";
import { aFolder, text } from "../init/draft-fixtures.ts";

const CLASSIFIER = "BertForSequenceClassification";

interface Model {
  readonly inputs?: readonly string[];
  readonly logits?: readonly Dim[];
  readonly facts?: Partial<FolderFacts>;
}

function pairOf(
  names: readonly string[],
  { inputs = ["input_ids", "attention_mask"], logits = ["batch", 2], facts = {} }: Model = {},
) {
  const signature = aModel({
    inputs: inputs.map((name) => aTensor(name, ["batch", "sequence"], "int64")),
    outputs: [aTensor("logits", logits)],
  });
  const texts = fields(Object.fromEntries(names.map((name) => [name, text])));
  return textPair(texts, { signature, folder: aFolder(facts) });
}

const WITH_TYPES = { inputs: ["input_ids", "attention_mask", "token_type_ids"] };

test.each([
  [
    ["passage", "query"],
    ["query", "passage"],
  ],
  [
    ["lang", "premise", "hypothesis"],
    ["premise", "hypothesis"],
  ],
  [
    ["sentence2", "sentence1"],
    ["sentence1", "sentence2"],
  ],
  [
    ["Question_1", "Question_2"],
    ["Question_1", "Question_2"],
  ],
  [
    ["text_b", "text_a"],
    ["text_a", "text_b"],
  ],
])("from the columns %j, %j are a pair by their names for a model with token types", (names, columns) => {
  expect(pairOf(names, WITH_TYPES)).toEqual({ columns, isNamed: true });
  expect(pairOf(names)).toBeNull();
});

test("any two texts are a pair for a classifier of one class or of entailment, with names preferred", () => {
  const first = { columns: ["title", "body"], isNamed: false };
  const one = { architecture: CLASSIFIER, labels: ["LABEL_0"] };
  expect(pairOf(["title", "body"], { facts: one })).toEqual(first);
  expect(pairOf(["title", "body"], { logits: ["batch", 1], facts: { architecture: CLASSIFIER } })).toEqual(
    first,
  );
  const entailment = { architecture: CLASSIFIER, labels: ["contradiction", "ENTAILMENT"] };
  expect(pairOf(["title", "body"], { facts: entailment })).toEqual(first);
  const named = { columns: ["query", "body"], isNamed: true };
  expect(pairOf(["title", "body", "query"], { facts: one })).toEqual(named);
});

test("two texts are not a pair for a model of one text, and a single text is never a pair", () => {
  const facts = { architecture: CLASSIFIER, labels: ["bad", "good"] };
  expect(pairOf(["title", "body"], { ...WITH_TYPES, facts })).toBeNull();
  expect(pairOf(["title", "body"], { logits: ["batch", 1] })).toBeNull();
  expect(pairOf(["body"], { facts: { architecture: CLASSIFIER, labels: ["LABEL_0"] } })).toBeNull();
});
