import { expect, test } from "vitest";
import { readParagraphs } from "../../../examples/embeddings/paragraphs.ts";

test("the corpus is plain text in order, without part-of-speech tags", () => {
  const paragraphs = readParagraphs();
  expect(paragraphs).toHaveLength(14_603);
  expect(paragraphs[0]).toEqual({
    id: 0,
    source: "ca01",
    text: "The Fulton County Grand Jury said Friday an investigation of Atlanta's recent primary election produced “no evidence” that any irregularities took place.",
  });
  expect(paragraphs.filter(({ id }, at) => id !== at)).toEqual([]);
  expect(new Set(paragraphs.map(({ source }) => source)).size).toBe(500);
  expect(paragraphs.filter(({ text }) => /\w\/(nn|vb|at|in)\b/.test(text))).toEqual([]);
});
