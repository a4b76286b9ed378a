import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TextFormat } from "../../../extensions/csv-json/op.ts";
import { sniffText, type TextSpec } from "../../../extensions/csv-json/sniff-text.ts";
import { nameOfType } from "../../../shared/domain/column-type-names.ts";

interface Look {
  readonly format?: TextFormat;
  readonly spec?: Partial<TextSpec>;
  /** Path of the file. Default: the usual name of the format. */
  readonly path?: string;
}

/** Sniffs files with these contents. */
async function look(contents: readonly string[], { format = "csv", spec = {}, path }: Look = {}) {
  const samples = contents.map((content, index) => ({
    path: path ?? `/data/${index}.${format}`,
    content: Buffer.from(content),
    isWhole: true,
  }));
  return await sniffText(samples, format, { csv: null, types: {}, ...spec });
}

async function types(
  contents: readonly string[],
  options: Look = {},
): Promise<Record<string, string | null>> {
  const { form } = await look(contents, options);
  return Object.fromEntries(form.fields.map(({ name, type }) => [name, nameOfType(type)]));
}

const CSV = { nulls: [""], decimal: "." } as const;

describe("detecting the form of CSV", () => {
  it.each([
    ["a,b\n1,x\n", { delimiter: ",", quote: '"', escape: '"', header: true }],
    ["a;b\n1;x\n", { delimiter: ";", header: true }],
    ["1|2\n3|4\n", { delimiter: "|", header: false }],
    ["a,b\n1,'x,y'\n2,'z'\n", { quote: "'" }],
    ["\ufeffa,b\r\n1,x\r\n", { delimiter: ",", header: true }],
    ["text,label\nhello,good\nworld,bad\n", { header: true }],
  ])("the form of %j is detected", async (text, written) => {
    expect((await look([text])).form).toMatchObject(written);
  });

  it("column types fit the values of all sampled files", async () => {
    const first = "i,f,b,d,t,s,n\n1,1.5,true,2020-01-01,2020-01-01 10:00:00,x,\n";
    const second = "i,f,b,d,t,s,n\n-2,2,false,2020-01-02,2020-01-02 10:00:00,1,\n";
    const found = { f: "float64", b: "bool", d: "date", t: "timestamp", s: "string", n: "string" };
    expect(await types([first, second])).toEqual({ i: "int64", ...found });
    expect(await types([first, second.replace("-2", "2.5")])).toEqual({ i: "float64", ...found });
  });

  it("malformed lines do not change the detected types", async () => {
    const rows = Array.from({ length: 50 }, (_, row) => `${row},${row / 2}`);
    rows.splice(10, 0, "1,2,3", "7", '8,"torn');
    expect(await types([["a,b", ...rows].join("\n")])).toEqual({ a: "int64", b: "float64" });
  });

  it("only values in decimal digits are detected as numbers", async () => {
    const rows = ["a,b,c,d,e", "0x1F,0b11,1_000,5,7", "0x20,0B10,2_000,-6,1e3"];
    const found = { a: "string", b: "string", c: "string", d: "int64", e: "float64" };
    expect(await types([rows.join("\n")])).toEqual(found);
    const csv = { ...CSV, header: false } as const;
    expect(await types(["0x1F,1\n0x20,2\n"], { spec: { csv } })).toEqual({
      column0: "string",
      column1: "int64",
    });
    expect(await types(["a;b\n1.234;1,5\n"], { spec: { csv: { ...CSV, decimal: "," } } })).toEqual({
      a: "string",
      b: "float64",
    });
  });

  it("options of the job override detection, and a type of an unknown column is refused", async () => {
    const text = "# made by hand\n1;2,5;NA\n3;4,5;7\n";
    const csv = { nulls: ["NA"], decimal: ",", header: false, names: ["x", "y", "z"], skip: 1 } as const;
    const spec = { csv, types: { x: "float32" } };
    expect(await types([text], { spec })).toEqual({ x: "float32", y: "float64", z: "int64" });
    await expect(look([text], { spec: { csv, types: { q: "bool" } } })).rejects.toMatchObject({
      code: "SPEC_INVALID",
      problems: [{ where: "input.types.q" }],
    });
  });

  it("a file named .tsv is read with tabs as delimiters", async () => {
    expect((await look(["a,b\tc\n1,2\t3\n"], { path: "/data/x.tsv" })).form).toMatchObject({
      delimiter: "\t",
    });
  });

  it("the header that all files must share is returned", async () => {
    expect(await look(['a,"b\nc"\n1,2\n'])).toMatchObject({ header: 'a,"b\nc"', path: "/data/0.csv" });
    expect(await look(["1,2\n3,4\n"], { spec: { csv: { ...CSV, header: false } } })).toMatchObject({
      header: null,
    });
  });
});

describe("detecting the columns of JSON Lines", () => {
  const look = (lines: readonly string[], spec: Partial<TextSpec> = {}) =>
    types([lines.join("\n")], { format: "json", spec });

  it("columns are the keys of the objects, and values without a common type are text", async () => {
    const lines = [
      '{"i":1,"f":1,"b":true,"d":"2020-01-01","t":"2020-01-01T10:00:00Z","u":"5b0f7b2c-3a1e-4b0e-9f57-2f1a0d3b1c11"}',
      '{"i":-1,"f":1.5,"m":1,"xs":[1,2.5]}',
      "not json",
      '{"m":"x","e":null}',
    ];
    const found = { i: "int64", f: "float64", b: "bool", d: "date", t: "timestamp", u: "string" };
    expect(await look(lines)).toEqual({ ...found, m: "string", xs: "float64[]", e: "string" });
  });

  it("whole numbers are int64, uint64, or text where no integer type holds them all", async () => {
    const value = fc.oneof(
      fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
      fc.constantFrom(
        2n ** 63n,
        2n ** 63n - 1n,
        -(2n ** 63n),
        -(2n ** 63n) - 1n,
        2n ** 64n - 1n,
        2n ** 64n,
        0n,
        -1n,
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (values, hasFraction) => {
          const texts = [...values.map(String), ...(hasFraction ? ["1.5"] : [])];
          const within = (least: bigint, most: bigint) =>
            values.every((each) => each >= least && each <= most);
          const whole = within(-(2n ** 63n), 2n ** 63n - 1n)
            ? "int64"
            : within(0n, 2n ** 64n - 1n)
              ? "uint64"
              : "string";
          const type = hasFraction ? "float64" : whole;
          expect(await look(texts.map((text) => `{"i":${text},"l":[${texts.join()}]}`))).toEqual({
            i: type,
            l: `${type}[]`,
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it("a column has dates or timestamps only if all its texts are such values", async () => {
    const lines = ['{"d":"2020-01-31","t":"2020-01-31","n":"2020-02-30","w":"infinity","u":"31.01.2020"}'];
    lines.push(
      '{"d":"1999-12-31","t":"2020-01-31T10:00:00+02:00","n":"2020-02-28","w":"2020-01-01","u":null}',
    );
    const found = { d: "date", t: "timestamp", n: "string", w: "string", u: "string" };
    expect(await look(lines)).toEqual(found);
  });

  it("nested lists get their item type, and text below the deepest supported level", async () => {
    const lists = (levels: number) => `{"z":${"[".repeat(levels)}1${"]".repeat(levels)}}`;
    expect(await look([lists(8)])).toEqual({ z: `int64${"[]".repeat(8)}` });
    expect(await look([lists(900)])).toEqual({ z: `string${"[]".repeat(65)}` });
  });

  it("keys named by the job are columns even if no line has them", async () => {
    expect(await look(['{"a":1}'], { types: { rare: "float32[]" } })).toEqual({
      a: "int64",
      rare: "float32[]",
    });
  });

  it.each([
    ['{"A":2}', "A, a"],
    ['{"":2}', "empty"],
    ['{"b\\u0000c":2}', "b\\u0000c"],
  ])("a line with a key that is not a valid column name is refused: %s", async (line, said) => {
    await expect(look(['{"a":1}', line])).rejects.toMatchObject({
      code: "INPUT_UNSUPPORTED",
      message: expect.stringContaining(said),
    });
  });

  it("nested objects are text where their keys are invalid or clash", async () => {
    const lines = [
      '{"b":{"c":1},"d":{"x":{"":1}},"e":[{"k\\u0000":1}],"f":{"É":1,"é":2},"g":{"c":{"C":1}},"h":1}',
      '{"b":{"C":1}}',
    ];
    expect(await look(lines)).toEqual({
      b: "string",
      d: "string",
      e: "string",
      f: null,
      g: null,
      h: "int64",
    });
  });

  it("lines that nest too deeply do not change the detected columns", async () => {
    const deep = [`{"b":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, '{"c":'.repeat(50_000)];
    const closed = `${deep[1]}1${"}".repeat(50_000)}`;
    expect(await look(['{"a":1}', ...deep, closed])).toEqual({ a: "int64" });
  });

  it("there are no columns when no line is an object", async () => {
    expect(await look(["[1]", "2", ""])).toEqual({});
  });
});

describe("the reason why a CSV column is text", () => {
  it("the reason names the first value that is not a number, its file and line, and the count", async () => {
    const first = "id,age,price\n1,30,1.5\n2,31,2\n3,32,x\n4,33,3\n";
    const second = "id,age,price\n5,6,7\nbad line\n\n6,abc,8\n7,8,-\n";
    expect((await look([first, second])).textCauses).toEqual([
      {
        column: "age",
        why: 'it is text because of /data/1.csv line 5: "abc", the only such value in the sampled lines',
        hint: "`input.types: { age: int64 }` makes such rows dead letters",
        remedy: null,
      },
      {
        column: "price",
        why: 'it is text because of /data/0.csv line 4: "x", the first of 2 such values in the sampled lines',
        hint: "`input.types: { price: float64 }` makes such rows dead letters",
        remedy: null,
      },
    ]);
  });

  it("lines inside a quoted value are counted", async () => {
    const text = 'age,s\n1,"a\nb"\n2,c\nno,d\n';
    expect((await look([text])).textCauses).toMatchObject([
      { column: "age", why: expect.stringContaining('line 5: "no"') },
    ]);
  });

  it("a decimal comma in the numbers is named as the reason", async () => {
    const text = "n;s\n1,5;a\n2,25;b\n3;c\n";
    const cause = {
      column: "n",
      why: "it is text because its numbers have a decimal comma",
      hint: 'set `input.csv: { decimal: "," }` to read them',
    };
    const remedy = { format: "csv", options: { decimal: "," }, says: "Its numbers have a decimal comma." };
    expect((await look([text])).textCauses).toEqual([{ ...cause, remedy }]);
    const pointed = "n;s;p\n1,5;a;1.5\n2,25;b;2\n3;c;2.5\n";
    expect((await look([pointed])).textCauses).toEqual([{ ...cause, remedy: null }]);
    const csv = { ...CSV, decimal: "," } as const;
    expect((await look([text], { spec: { csv } })).textCauses).toEqual([]);
    expect((await look([`${text}no;d\n`], { spec: { csv } })).textCauses).toMatchObject([
      {
        column: "n",
        why: expect.stringContaining('line 5: "no"'),
        hint: expect.stringContaining("{ n: float64 }"),
      },
    ]);
  });

  it("text columns, null columns and columns with a type in the job have no reason", async () => {
    const text = "s,n,t\na,,1\n1,,2\nb,,x\n";
    expect((await look([text], { spec: { types: { t: "string" } } })).textCauses).toEqual([]);
  });
});
