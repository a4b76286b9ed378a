import { type Data, Field, Int32, List, makeData, Struct, type Table } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import { projectColumns } from "../../../../shared/dataset/project-columns.ts";
import { memorySource } from "../../../support/memory-source.ts";
import { readRows } from "../../../support/read-rows.ts";
import { embeddings, plainRows, tableOf } from "../../../support/sample-table.ts";

const ROWS = 5;
const NAMES = [
  ...[
    "é",
    "éé",
    "é.b",
    "a.é",
    "größe",
    "größer",
    "日本",
    "日本語",
    "日",
    "🎉",
    "ÿ.x.y",
    "Ω",
    "Ω.list.element",
  ],
  ...["q\"u'o`te", "x", "xé", "ab", "abé", " ", "ß "],
];

const ints = (seed: number, count = ROWS): Data =>
  makeData({ type: new Int32(), data: Int32Array.from({ length: count }, (_, at) => seed * 100 + at) });

function lists(child: Data): Data {
  return makeData({
    type: new List(new Field("element", child.type, true)),
    length: ROWS,
    nullCount: 0,
    valueOffsets: Int32Array.from({ length: ROWS + 1 }, (_, row) => Math.min(row * 2, child.length)),
    child,
  });
}

function structs(...children: readonly Data[]): Data {
  const fields = children.map(({ type }, index) => new Field(index === 0 ? "ä" : `b${index}`, type, true));
  return makeData({
    type: new Struct(fields),
    length: children[0]?.length ?? 0,
    nullCount: 0,
    children: [...children],
  });
}

const NESTINGS: readonly (readonly [string, (seed: number) => Data])[] = [
  ["plain", (seed) => ints(seed)],
  ["list", (seed) => lists(ints(seed, ROWS * 2))],
  ["fixed list", () => embeddings(ROWS, 3)],
  ["struct", (seed) => structs(ints(seed), ints(seed + 1))],
  ["list of structs of lists", (seed) => lists(structs(lists(ints(seed, ROWS * 2)), ints(seed)))],
];

/** Returns a table whose columns all have one nesting, or different ones. */
function tableIn(nesting: number | "mixed"): Table {
  return tableOf(
    Object.fromEntries(
      NAMES.map((name, at) => {
        const [, dataOf] = NESTINGS[nesting === "mixed" ? at % NESTINGS.length : nesting] ?? [];
        if (dataOf === undefined) throw new Error("the nesting is missing");
        return [name, dataOf(at)];
      }),
    ),
  );
}

describe.each([...NESTINGS.keys(), "mixed" as const])("columns of any name with nesting %s", (nesting) => {
  const table = tableIn(nesting);
  const content = encodeParquet(table);

  it.each(NAMES)("the column %s is read alone and with another column", async (name) => {
    const other = NAMES[(NAMES.indexOf(name) + 7) % NAMES.length] ?? "";
    for (const columns of [[name], [name, other], [other, name]]) {
      using file = await openDatasetFile(memorySource(content), "parquet", NEVER);
      const rows = await readRows(file, { columns });
      expect(rows.schema.names).toEqual(columns);
      expect(plainRows(rows)).toEqual(plainRows(table.select(columns)));
    }
  });
});

it("a column whose name is not ASCII is read without fetching other columns", async () => {
  const wide = tableOf({ größe: embeddings(4_000, 1), large: embeddings(4_000, 256) });
  const source = memorySource(encodeParquet(wide, { rowGroupRows: 1_000 }));
  using file = await openDatasetFile(source, "parquet", NEVER);
  const opened = source.reads.length;
  await readRows(file, { columns: ["größe"] });
  const fetched = source.reads.slice(opened).reduce((sum, [start, end]) => sum + end - start, 0);
  expect(fetched).toBeLessThan(32_000);
});

describe("the columns that the decoder is asked to read", () => {
  const paths = (...all: string[]) => all.map((path) => path.split("/"));

  it.each([
    ["ASCII names are requested unchanged", ["a", "b"], [], ["a", "b"]],
    [
      "a column whose name is not ASCII is requested by the paths within the column",
      ["a", "é"],
      paths("a", "é/list/element"),
      ["a", "é.list.element"],
    ],
    ["a struct is requested by all paths within the struct", ["é"], paths("é/x", "é/y", "z"), ["é.x", "é.y"]],
    [
      "a path that begins a longer path is requested if the decoder can read it",
      ["é"],
      paths("é", "éxyz"),
      ["é"],
    ],
    ["all columns are requested if the decoder cannot read such a path", ["é"], paths("é", "éx"), null],
  ] as const)("%s", (_, columns, within, expected) => {
    expect(projectColumns(columns, 9, () => within)).toEqual(expected);
  });

  it("all columns are requested when all are wanted", () => {
    expect(projectColumns(["a", "b"], 2, () => [])).toBeNull();
  });
});
