import { expect, it } from "vitest";
import { expandSecrets } from "../../../extensions/ask/secrets.ts";
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
