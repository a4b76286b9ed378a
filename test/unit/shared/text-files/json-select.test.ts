import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { JsonForm } from "../../../../shared/domain/dataset.ts";
import { TextParsers } from "../../../../shared/text-files/open-input-file.ts";
import { fieldsOf, openText, textRows } from "../../../support/text-files.ts";

const parsers = new TextParsers();
afterAll(() => parsers[Symbol.asyncDispose]());

function jsonForm(types: Readonly<Record<string, string>>): JsonForm {
  return { kind: "json", fields: fieldsOf(types) };
}

describe("JSON Lines", () => {
  it("gives each value by its key, and says of each line what is wrong with it", async () => {
    const form = jsonForm({ id: "int64", "a b": "string", xs: "float32[]" });
    const lines = [
      '{"id":1,"a b":"x\\n","xs":[1,2.5,null]}',
      '  {"xs":[],"id":9007199254740993} ',
      "",
      "{}",
      '{"id":"2"}',
      '{"id":1.5}',
      '{"xs":[1,"x"]}',
      "[1]",
      '{"id":',
      '{"a b":{"k":1}}',
    ];
    const { file } = await openText(Buffer.from(lines.join("\n")), form, { parsers });
    using _ = file;
    const { rows, bad } = await textRows(file);
    expect(rows).toEqual([
      { id: "1n", "a b": "x\n", xs: [1, 2.5, null] },
      { id: "9007199254740993n", "a b": null, xs: [] },
      { id: null, "a b": null, xs: null },
      ...[null, null, null, null, null],
      { id: null, "a b": '{"k":1}', xs: null },
    ]);
    expect(bad.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^line 5 .*column id: "\\"2\\"" is no int64/),
      expect.stringMatching(/^line 6 .*column id: "1.5" is no int64/),
      expect.stringMatching(/^line 7 .*column xs: .* is no float32\[\]/),
      expect.stringMatching(/^line 8 .*it is an array, not a JSON object/),
      expect.stringMatching(/^line 9 .*it is not JSON: /),
    ]);
  });

  it("judges and gives the values of keys whatever characters are in them", async () => {
    const text = fc.array(
      fc.constantFrom(
        "a",
        "B",
        "7",
        "\n",
        "\t",
        "\r",
        '"',
        "'",
        "\\",
        "/",
        "~",
        "$",
        "*",
        ".",
        "[",
        " ",
        "é",
        "\u2028",
        "😀",
      ),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    const keys = fc.uniqueArray(
      text.map((parts) => parts.join("")),
      { minLength: 1, maxLength: 4, selector: (key) => key.toLowerCase() },
    );
    await fc.assert(
      fc.asyncProperty(keys, async (names) => {
        const right = Object.fromEntries(names.map((name, index) => [name, index]));
        const lines = [right, ...names.map((name) => ({ ...right, [name]: "x" }))];
        const form = jsonForm(Object.fromEntries(names.map((name) => [name, "int64"])));
        const content = Buffer.from(lines.map((line) => JSON.stringify(line)).join("\n"));
        const { file } = await openText(content, form, { parsers });
        using _ = file;
        const { rows, bad } = await textRows(file);
        expect(rows[0]).toEqual(Object.fromEntries(names.map((name, index) => [name, `${index}n`])));
        expect(bad.map(({ row }) => row)).toEqual(names.map((_, index) => index + 1));
      }),
      { numRuns: 40 },
    );
  });

  it("takes a line of 1,000 levels, and says of a deeper one where it is", async () => {
    const lines = [999, 1_000, 100_000].map((lists) => `{"a":${"[".repeat(lists)}${"]".repeat(lists)}}`);
    const form = jsonForm({ a: "string" });
    const { file } = await openText(Buffer.from(lines.join("\n")), form, { parsers });
    using _ = file;
    const { rows, bad } = await textRows(file);
    expect(rows).toEqual([{ a: "[".repeat(999) + "]".repeat(999) }, null, null]);
    const [second, third] = [lines[0]?.length ?? 0, (lines[0]?.length ?? 0) + (lines[1]?.length ?? 0) + 1];
    const deep = "it has lists and objects within each other more than 1,000 deep";
    expect(bad.map(({ message }) => message)).toEqual([
      expect.stringContaining(`line 2 (byte ${second + 1}): ${deep}`),
      expect.stringContaining(`line 3 (byte ${third + 1}): ${deep}`),
    ]);
  });
});
