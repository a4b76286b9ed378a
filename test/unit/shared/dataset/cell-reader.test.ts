import {
  type DataType,
  Dictionary,
  Field,
  FixedSizeList,
  Int32,
  LargeUtf8,
  List,
  Map_,
  Struct,
  Utf8,
  type Vector,
  vectorFromArray,
} from "apache-arrow";
import fc from "fast-check";
import { expect, it } from "vitest";
import { cellReader, cellsOf, textReader } from "../../../../shared/dataset/cell-reader.ts";
import { combineDictionaries } from "../../../../shared/dataset/combine-dictionaries.ts";

const MARK = "\ufeff";
/** Texts of which many begin with one or more marks. */
const text = fc
  .tuple(fc.nat(2), fc.string({ unit: "grapheme", maxLength: 4 }))
  .map(([marks, rest]) => MARK.repeat(marks) + rest);

function dataOf(vector: Vector) {
  const [data] = vector.data;
  if (data === undefined) throw new Error("the vector has no data");
  return data;
}

const field = (name: string, type: DataType) => new Field(name, type, true);

it.each([
  ["Utf8", new Utf8()],
  ["LargeUtf8", new LargeUtf8()],
  ["a dictionary", new Dictionary(new Utf8(), new Int32())],
])("texts in a column of %s keep every U+FEFF", (_, type) => {
  fc.assert(
    fc.property(fc.array(fc.option(text), { minLength: 1, maxLength: 20 }), fc.nat(5), (texts, skipped) => {
      const data = dataOf(vectorFromArray(texts, type));
      expect([...cellsOf(data)]).toEqual(texts);
      const start = Math.min(skipped, texts.length - 1);
      const slice = data.slice(start, texts.length - start);
      const textAt = textReader(slice);
      expect(texts.slice(start).map((_, row) => textAt(row))).toEqual(texts.slice(start));
    }),
  );
});

it("texts within lists, structs and maps keep every U+FEFF", () => {
  const struct = new Struct([field("a", new Utf8()), field("n", new Int32())]);
  const pair = new Struct([new Field("key", new Utf8(), false), field("value", new Utf8())]);
  const row = fc.record({
    list: fc.option(fc.array(fc.option(text), { maxLength: 3 })),
    fixed: fc.tuple(text, text),
    struct: fc.option(fc.record({ a: fc.option(text), n: fc.integer({ min: 0, max: 9 }) })),
    map: fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true }),
  });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 8 }), (rows) => {
      const read = (name: keyof (typeof rows)[number], type: DataType) => [
        ...cellsOf(
          dataOf(
            vectorFromArray(
              rows.map((each) => each[name]),
              type,
            ),
          ),
        ),
      ];
      expect(read("list", new List(field("item", new Utf8())))).toEqual(rows.map(({ list }) => list));
      expect(read("fixed", new FixedSizeList(2, field("item", new Utf8())))).toEqual(
        rows.map(({ fixed }) => fixed),
      );
      expect(read("struct", struct)).toEqual(rows.map((each) => each.struct));
      expect(read("map", new Map_(new Field("entries", pair, false)))).toEqual(
        rows.map(({ map }) => Object.entries(map)),
      );
    }),
  );
});

it("a column of several pieces is read as one column", () => {
  const vector = vectorFromArray(["a", MARK], new Utf8()).concat(
    vectorFromArray([`${MARK}b`, null], new Utf8()),
  );
  const cellAt = cellReader(vector);
  expect([0, 1, 2, 3].map(cellAt)).toEqual(["a", MARK, `${MARK}b`, null]);
});

it("dictionaries whose values differ only by a U+FEFF are joined without losing a value", () => {
  const type = new Dictionary(new Utf8(), new Int32());
  const parts = [
    ["a", `${MARK}a`],
    [`${MARK}${MARK}a`, "a"],
  ];
  const data = parts.map((texts) => dataOf(vectorFromArray(texts, type)));
  const joined = combineDictionaries(type, data, { length: 4, nullCount: 0, nullBitmap: null });
  if (joined === undefined) throw new Error("the dictionaries were not joined");
  expect([...cellsOf(joined)]).toEqual(parts.flat());
});
