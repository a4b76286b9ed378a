import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readStatistics } from "../../../../shared/dataset/parquet-statistics.ts";
import type { Field, FieldType } from "../../../../shared/domain/dataset.ts";

const field = (name: string, type: FieldType): Field => ({ name, type, nullable: true });
const FIELDS: readonly Field[] = [
  field("i", { kind: "numeric", type: "int32" }),
  field("u", { kind: "numeric", type: "uint64" }),
  field("f", { kind: "numeric", type: "float32" }),
  field("q", { kind: "numeric", type: "bool" }),
  field("s", { kind: "string" }),
  field("d", { kind: "date", unit: "day" }),
  field("ts", { kind: "timestamp", unit: "microsecond", zone: null }),
  field("n", { kind: "decimal", precision: 9, scale: 2 }),
  field("w", { kind: "decimal", precision: 30, scale: 2 }),
  field("l", { kind: "list", item: { kind: "numeric", type: "int32" } }),
  field("nulls", { kind: "numeric", type: "int32" }),
];

let folder: string;
let footer: Uint8Array;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-statistics-"));
  const path = join(folder, "a.parquet");
  const instance = await DuckDBInstance.create(":memory:");
  const duckdb = await instance.connect();
  await duckdb.run(`COPY (
    SELECT (i - 3)::INTEGER AS i, i::UBIGINT AS u, (i / 4)::FLOAT AS f, i > 0 AS q, repeat(chr(97 + i::INTEGER), 10) AS s,
      DATE '1970-01-02' AS d, TIMESTAMP '1970-01-01 00:00:01' AS ts, (i / 4)::DECIMAL(9, 2) AS n,
      1::DECIMAL(30, 2) AS w, repeat(chr(97 + i::INTEGER), 100) AS long, [i::INTEGER] AS l, NULL::INTEGER AS nulls
    FROM range(6) t(i)) TO '${path}' (FORMAT parquet)`);
  duckdb.disconnectSync();
  instance.closeSync();
  const bytes = readFileSync(path);
  const end = bytes.length - 8;
  footer = bytes.subarray(end - bytes.readUInt32LE(end), end);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const statistics = (fields = FIELDS) => readStatistics(footer, fields)?.[0];

test("statistics have bounds in the column's unit, nulls, and distinct values if the writer counted them", () => {
  expect(statistics()).toEqual({
    i: { least: "-3", greatest: "2", nulls: 0 },
    u: { least: "0", greatest: "5", nulls: 0 },
    f: { least: "0", greatest: "1.25", nulls: 0 },
    q: { least: "0", greatest: "1", nulls: 0 },
    s: { least: "aaaaaaaaaa", greatest: "ffffffffff", nulls: 0 },
    d: { least: "1", greatest: "1", nulls: 0, distinct: 1 },
    ts: { least: "1000000", greatest: "1000000", nulls: 0, distinct: 1 },
    n: { least: "0", greatest: "125", nulls: 0 },
    // Decimals in bytes: writers disagree on their order.
    w: { least: null, greatest: null, nulls: 0 },
    nulls: { least: null, greatest: null, nulls: 6 },
  });
});

test("bounds of long texts are shortened and remain valid bounds", () => {
  const bounds = statistics([field("long", { kind: "string" })])?.long;
  expect(bounds).toEqual({ least: "a".repeat(64), greatest: `${"f".repeat(63)}g`, nulls: 0 });
});

test("only requested columns have statistics", () => {
  expect(statistics(FIELDS.slice(0, 1))).toEqual({ i: { least: "-3", greatest: "2", nulls: 0 } });
});

test.for<[string, FieldType]>([
  ["i", { kind: "numeric", type: "uint32" }],
  ["i", { kind: "date", unit: "day" }],
  ["n", { kind: "decimal", precision: 9, scale: 3 }],
  ["ts", { kind: "timestamp", unit: "millisecond", zone: null }],
  ["s", { kind: "binary" }],
])("the column %s has no bounds if it is read as %j", ([name, type]) => {
  expect(statistics([field(name, type)])?.[name]).toMatchObject({ least: null, greatest: null, nulls: 0 });
});

test("a damaged footer gives statistics or none, and never throws", () => {
  fc.assert(
    fc.property(fc.nat(footer.length - 1), fc.nat(255), fc.boolean(), (at, byte, isCut) => {
      const damaged = Uint8Array.from(isCut ? footer.subarray(0, at) : footer);
      if (!isCut) damaged[at] = byte;
      const found = readStatistics(damaged, FIELDS);
      expect(found === null || Array.isArray(found)).toBe(true);
    }),
  );
});
