import { expect, it } from "vitest";
import { linesOf } from "../../../extensions/ask/answer-log.ts";
import { expandSecrets } from "../../../extensions/ask/secrets.ts";
import { retryAfterMs } from "../../../extensions/ask/send.ts";
import { columnsOf, fillTemplate, parseTemplate, valueText } from "../../../extensions/ask/template.ts";

it("a template has the values of its columns, and doubled braces are plain", () => {
  const { parts, strayAt } = parseTemplate("{{{text}}} by {name}: {text}");
  expect(strayAt).toBeNull();
  expect(columnsOf(parts)).toEqual(["text", "name"]);
  expect(fillTemplate(parts, (column) => `<${column}>`)).toBe("{<text>} by <name>: <text>");
  expect(parseTemplate("no columns").parts).toEqual(["no columns"]);
});

it.each([
  ["a } b", 2],
  ["{ open", 0],
  ['{"mood": {text}}', 0],
])("%s has a stray brace", (text, at) => {
  expect(parseTemplate(text).strayAt).toBe(at);
});

it("values are texts, numbers as they are, and JSON", () => {
  expect(valueText("ä{}")).toBe("ä{}");
  expect(valueText(9007199254740993n)).toBe("9007199254740993");
  expect(valueText({ a: [1n, "x", null], b: Float32Array.of(1, 2.5) })).toBe(
    '{"a":[1,"x",null],"b":[1,2.5]}',
  );
});

it("a secret is taken from the environment, and concealed in texts", () => {
  const secrets = expandSecrets(
    { authorization: "Bearer ${KEY}", "x-team": "a-${TEAM}" },
    { KEY: "sk-123456", TEAM: "t" },
    "ask",
  );
  expect(secrets.headers).toEqual({ authorization: "Bearer sk-123456", "x-team": "a-t" });
  expect(secrets.conceal("wrong key sk-123456, try another")).toBe("wrong key ${KEY}, try another");
  expect(() => expandSecrets({ authorization: "Bearer ${KEY}" }, {}, "ask")).toThrow(
    expect.objectContaining({ code: "WORKER_UNFIT" }),
  );
});

it("`Retry-After` is a number of seconds or a date", () => {
  const nowMs = Date.parse("2026-01-01T00:00:00Z");
  expect(retryAfterMs("2", nowMs)).toBe(2_000);
  expect(retryAfterMs("0.5", nowMs)).toBe(500);
  expect(retryAfterMs("Thu, 01 Jan 2026 00:00:10 GMT", nowMs)).toBe(10_000);
  expect(
    [undefined, "", "soon", "-1", "Thu, 01 Jan 2020 00:00:10 GMT"].map((text) => retryAfterMs(text, nowMs)),
  ).toEqual([null, null, null, null, null]);
});

it("lines of the log that were not written to the end are skipped", () => {
  const line = (key: string) => JSON.stringify({ key, status: 200, body: "x" });
  const text = `${line("a")}\n{"key":"b","status":2\n${line("c")}\n${line("d").slice(0, -3)}`;
  expect(linesOf(text).map(({ key }) => key)).toEqual(["a", "c"]);
});
