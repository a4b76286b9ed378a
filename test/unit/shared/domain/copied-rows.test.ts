import { expect, test } from "vitest";
import { whyDecoded } from "../../../../shared/domain/copied-rows.ts";
import type { Field, FieldType } from "../../../../shared/domain/dataset.ts";
import { mapSpec } from "../../../../shared/domain/map-spec.ts";

type Planned = Parameters<typeof whyDecoded>[0];

const INT: FieldType = { kind: "numeric", type: "int64" };
const TEXT: FieldType = { kind: "string" };
const fieldOf = (type: FieldType, name = "k"): Field => ({ name, type, nullable: true });
const COMBINED = { combine: "FROM rows", final: "FROM partials" };
const FILE = { format: "parquet" };

interface Changes {
  readonly spec?: Partial<Planned["spec"]>;
  readonly map?: Partial<Planned["map"]>;
  readonly files?: Planned["dataset"]["files"];
  readonly fields?: readonly Field[];
}

function why({ spec, map, files = [FILE], fields = [fieldOf(INT), fieldOf(TEXT, "t")] }: Changes = {}) {
  return whyDecoded({
    spec: { map: mapSpec.parse({}), reduce: { sums: COMBINED }, output: { rows: "none" }, ...spec },
    map: { prepare: [], finish: [], keep: fields, ...map },
    dataset: { files, fields },
  });
}

test("rows of a job that only combines Parquet files are copied", () => {
  expect(why()).toBeNull();
  expect(why({ spec: { reduce: { keyed: { by: ["k"], final: "FROM rows" } } } })).toBeNull();
});

test("rows that something else reads or writes are decoded", () => {
  expect(why({ spec: { reduce: {} } })).toBe("the rows are written");
  expect(why({ spec: { output: { rows: "parquet" } } })).toBe("the rows are written");
  expect(why({ spec: { reduce: { all: { final: "FROM rows" } } } })).toBe("a `final` reads the rows");
  expect(why({ spec: { reduce: { own: { module: "./own.ts" } as never } } })).toBe(
    "a program reads the rows",
  );
  const many = Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [name, COMBINED]));
  expect(why({ spec: { reduce: many } })).toBe("there are more than 4 reductions");
  const sort = ["k"] as never;
  expect(why({ spec: { output: { rows: "none", sort } } })).toBe("the rows are sorted");
  const step = { kind: "sql", where: "map.prepare[0]" } as never;
  expect(why({ map: { prepare: [step] } })).toBe("steps read the rows");
  expect(why({ map: { finish: [step] } })).toBe("steps read the rows");
  expect(why({ spec: { model: { path: "./m.onnx" } as never } })).toBe("the model reads the rows");
});

test("rows of other files, and columns that DuckDB would name otherwise, are decoded", () => {
  expect(why({ files: [FILE, { format: "csv" }] })).toBe("a file is not Parquet");
  const partitions = [{ name: "day", type: "int64", value: "1" }] as const;
  expect(why({ files: [{ ...FILE, partitions }] })).toBe("folders give the rows more columns");
  for (const name of ["K", "FILE_ROW_NUMBER"]) {
    const other = { fields: [fieldOf(INT), fieldOf(INT, name)], map: { keep: [fieldOf(INT)] } };
    expect(why(other)).toBe("DuckDB would name a column otherwise");
  }
});

test("a type at any depth decides whether its column is copied", () => {
  const same: FieldType[] = [
    { kind: "list", item: { kind: "struct", fields: [fieldOf(TEXT), fieldOf({ kind: "binary" }, "b")] } },
    { kind: "timestamp", unit: "nanosecond", zone: null },
    { kind: "decimal", precision: 38, scale: 2 },
    { kind: "dictionary", values: TEXT },
  ];
  for (const type of same) expect(why({ fields: [fieldOf(type)] })).toBeNull();
  const other: FieldType[] = [
    { kind: "numeric", type: "float16" },
    { kind: "map", key: TEXT, value: INT },
    { kind: "timestamp", unit: "second", zone: null },
    { kind: "struct", fields: [fieldOf(INT), fieldOf(INT, "K")] },
    { kind: "interval", unit: "dayTime" },
    { kind: "null" },
  ];
  for (const type of [...other, ...other.map((item): FieldType => ({ kind: "list", item }))])
    expect(why({ fields: [fieldOf(type)] })).toBe("DuckDB may read `k` otherwise");
});
