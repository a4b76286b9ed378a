import { expect, it } from "vitest";
import { planAsk } from "../../../extensions/ask/plan-ask.ts";
import type { AskSpec } from "../../../extensions/ask/spec.ts";
import type { Field } from "../../../shared/domain/dataset.ts";

const fields: readonly Field[] = [
  { name: "id", type: { kind: "numeric", type: "int64" }, nullable: false },
  { name: "text", type: { kind: "string" }, nullable: true },
  { name: "photo", type: { kind: "binary" }, nullable: true },
];

function planned(changes: Partial<AskSpec>) {
  const usual: AskSpec = {
    url: "https://llm.example/v1/chat/completions",
    model: "m",
    prompt: "{text}",
    headers: {},
    column: "answer",
    request: {},
    concurrency: 16,
    perMinute: {},
    patience: "30m",
    timeout: "10m",
  };
  return planAsk({ ...usual, ...changes }, { where: "ask", fields });
}

it("the step reads the columns of its texts, and passes all others", () => {
  expect(planned({ system: "About {id}", prompt: "{text} {text}" })).toMatchObject({
    reads: ["id", "text"],
    columns: [
      { name: "id", from: "id" },
      { name: "text", from: "text" },
      { name: "photo", from: "photo" },
      { name: "answer", from: null, type: { kind: "string" }, nullable: false },
    ],
  });
});

it("the tokens are a column of their own, which may be null", () => {
  expect(planned({ tokens: "used" })).toMatchObject({
    data: { tokens: "used" },
    columns: [{}, {}, {}, { name: "answer" }, { name: "used", from: null, nullable: true }],
  });
});

it("the step's data has references to secrets, and durations in milliseconds", () => {
  const { data } = planned({ key: "${LLM_KEY}", headers: { "x-team": "${TEAM}" }, patience: "2m" }) as {
    readonly data: object;
  };
  expect(data).toMatchObject({
    headers: { authorization: "Bearer ${LLM_KEY}", "x-team": "${TEAM}" },
    patienceMs: 120_000,
    timeoutMs: 600_000,
  });
});

it.each<[Partial<AskSpec>, string, RegExp]>([
  [{ prompt: "{txt}" }, "ask.prompt", /column/],
  [{ prompt: "{photo}" }, "ask.prompt", /cannot be part of a text/],
  [{ system: '{"a": 1' }, "ask.system", /stray brace/],
  [{ key: "sk-1234567" }, "ask.key", /is not a reference/],
  [{ headers: { "a b": "${X}" } }, "ask.headers", /is not the name of a header/],
  [{ url: "ftp://host/x" }, "ask.url", /is not the address/],
  [{ url: "https://user:password@host/x" }, "ask.url", /is not the address/],
  [{ column: "id" }, "ask", /second column `id`/],
  [{ tokens: "id" }, "ask", /second column `id`/],
  [{ tokens: "answer" }, "ask.tokens", /also a column of the answer/],
  [{ answer: { type: "object", properties: { text: { type: "string" } } } }, "ask", /second column `text`/],
  [{ answer: { type: "string" } }, "ask.answer", /is not the schema of an object/],
])("%j is refused at %s", (changes, where, what) => {
  const refused = planned(changes);
  expect(refused).toMatchObject({ problems: [{ where, what: expect.stringMatching(what) }] });
  expect(JSON.stringify(refused)).not.toMatch(/sk-1234567|password@/);
});
