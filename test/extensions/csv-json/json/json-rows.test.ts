import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { JsonForm } from "../../../../extensions/csv-json/op.ts";
import { FormatReaders } from "../../../../shared/dataset/open-input-file.ts";
import type { FieldType } from "../../../../shared/domain/dataset.ts";
import { plainAndBad } from "../../../support/read-rows.ts";
import { fieldsOf, openText, readJsonLines } from "../text-files.ts";

const readers = new FormatReaders();
afterAll(() => readers[Symbol.asyncDispose]());

function jsonForm(types: Readonly<Record<string, string>>): JsonForm {
  return { kind: "json", fields: fieldsOf(types) };
}

describe("JSON Lines", () => {
  it("each value is read by its key, and each bad line is reported with its fault", async () => {
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
    const { file } = await openText(Buffer.from(lines.join("\n")), form, { readers });
    using _ = file;
    const { rows, bad } = await plainAndBad(file);
    expect(rows).toEqual([
      { id: "1n", "a b": "x\n", xs: [1, 2.5, null] },
      { id: "9007199254740993n", "a b": null, xs: [] },
      { id: null, "a b": null, xs: null },
      ...[null, null, null, null, null],
      { id: null, "a b": '{"k":1}', xs: null },
    ]);
    expect(bad.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^line 5 .*column id: "\\"2\\"" is not int64/),
      expect.stringMatching(/^line 6 .*column id: "1.5" is not int64/),
      expect.stringMatching(/^line 7 .*column xs: .* is not float32\[\]/),
      expect.stringMatching(/^line 8 .*it is an array, not a JSON object/),
      expect.stringMatching(/^line 9 .*it is not JSON: /),
    ]);
  });

  it("values are checked and read under keys with any characters", async () => {
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
        const { file } = await openText(content, form, { readers });
        using _ = file;
        const { rows, bad } = await plainAndBad(file);
        expect(rows[0]).toEqual(Object.fromEntries(names.map((name, index) => [name, `${index}n`])));
        expect(bad.map(({ row }) => row)).toEqual(names.map((_, index) => index + 1));
      }),
      { numRuns: 40 },
    );
  });

  it("a line of 1,000 levels is read, and a deeper line is reported with its place", async () => {
    const lines = [999, 1_000, 100_000].map((lists) => `{"a":${"[".repeat(lists)}${"]".repeat(lists)}}`);
    const form = jsonForm({ a: "string" });
    const { file } = await openText(Buffer.from(lines.join("\n")), form, { readers });
    using _ = file;
    const { rows, bad } = await plainAndBad(file);
    expect(rows).toEqual([{ a: "[".repeat(999) + "]".repeat(999) }, null, null]);
    const [second, third] = [lines[0]?.length ?? 0, (lines[0]?.length ?? 0) + (lines[1]?.length ?? 0) + 1];
    const deep = "it nests lists and objects more than 1,000 deep";
    expect(bad.map(({ message }) => message)).toEqual([
      expect.stringContaining(`line 2 (byte ${second + 1}): ${deep}`),
      expect.stringContaining(`line 3 (byte ${third + 1}): ${deep}`),
    ]);
  });
});

const read = (lines: readonly string[], types: Readonly<Record<string, string>>) =>
  readJsonLines(readers, lines, types);

it("a value that is not a string is read into a text column as it is written", async () => {
  const values = [
    "1.10",
    "-0",
    "1E400",
    "123456789012345678901234567890",
    "true",
    '{"k" : [1.0]}',
    "[ 1 ]",
    '"1.10"',
    "null",
  ];
  const { rows, bad } = await read(
    values.map((value) => `{"s": ${value} }`),
    { s: "string" },
  );
  expect(bad.size).toBe(0);
  const expected = values.map((value) => (value === "null" ? null : value === '"1.10"' ? "1.10" : value));
  expect(rows).toEqual(expected.map((s) => ({ s })));
});

it("the last value of a repeated key counts", async () => {
  const lines = ['{"a":1,"b":2,"a":"x"}', '{"a":"x","a":3}', '{"a":1,"\\u0061":null}'];
  const { rows, bad } = await read(lines, { a: "int64" });
  expect([...bad.keys()]).toEqual([0]);
  expect(rows.slice(1)).toEqual([{ a: "3n" }, { a: null }]);
});

it.each([
  '{"x": NaN}',
  '{"a": 1,}',
  '{"x": .5}',
  '{"x": +5}',
  '{"x": 0x1F}',
  '{"x": 1} // y',
  "{'x': 1}",
  '{"x": 01}',
])("a line that is not JSON is bad: %s", async (line) => {
  expect((await read([line], { y: "string" })).bad.get(0)).toMatch(/it is not JSON: /);
});

it("JSON values are read as JSON.parse reads them", async () => {
  const row = fc.record(
    {
      s: fc.string({ unit: "grapheme" }),
      f: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
      b: fc.boolean(),
      i: fc.maxSafeInteger(),
      l: fc.array(fc.option(fc.array(fc.option(fc.string()), { maxLength: 3 })), { maxLength: 3 }),
      extra: fc.jsonValue(),
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(row), { minLength: 1, maxLength: 12 }), async (objects) => {
      const { rows, bad } = await read(
        objects.map((object) =>
          JSON.stringify(object, null, object?.b === true ? "\t" : "").replaceAll("\n", " "),
        ),
        { s: "string", f: "float64", b: "bool", i: "int64", l: "string[][]" },
      );
      for (const [at, object] of objects.entries()) {
        expect(bad.has(at)).toBe(object === null);
        if (object === null) continue;
        const { s = null, f = null, b = null, i = null, l = null } = object;
        expect(rows[at]).toEqual({ s, f, b, i: i === null ? null : `${i}n`, l });
      }
    }),
    { numRuns: 100 },
  );
});

it("deeply nested lists are read in time that grows with their bytes", async () => {
  const deep = `${"[".repeat(60)}1${"]".repeat(60)}`;
  const lines = Array.from({ length: 100 }, (_, id) => `{"id":${id},"zz":${deep}}`);
  const zz = Array.from({ length: 60 }).reduce<FieldType>((item) => ({ kind: "list", item }), {
    kind: "numeric",
    type: "int64",
  });
  const form: JsonForm = {
    kind: "json",
    fields: [...fieldsOf({ id: "int64" }), { name: "zz", type: zz, nullable: true }],
  };
  const { file } = await openText(Buffer.from(lines.join("\n")), form, { readers });
  using _ = file;
  const { rows, bad } = await plainAndBad(file);
  expect(bad).toEqual([]);
  expect(JSON.stringify(rows[7])).toBe(`{"id":"7n","zz":${deep.replace("1", '"1n"')}}`);
});
