import type { Dice } from "../hostile/dice.ts";
import { type ColumnType, type NamedType, NUMBER_KINDS, type TimeUnit } from "./column-type.ts";
import { columnName } from "./names.ts";
import type { HandName } from "./torture-case.ts";

/** Maximum nesting depth of a column. */
export const MOST_DEPTH = 3;

/** Writer of a column, and its file format. */
export interface Writer {
  readonly hand: HandName;
  readonly format: "parquet" | "arrow";
  /** Units of timestamps with a zone. */
  readonly zonedUnits: readonly TimeUnit[];
}

/** Returns a type that this hand can write to such a file, nested down to `depth`. */
export function randomType(dice: Dice, writer: Writer, depth: number): ColumnType {
  if (depth > 0 && dice.int(5) < 2) return nestedType(dice, writer, depth);
  if (writer.hand === "duckdb") return duckdbScalar(dice);
  // pyarrow barely supports views inside other types.
  return dice.int(40) === 0 && depth === MOST_DEPTH && writer.format === "arrow"
    ? { kind: dice.pick(["stringView", "binaryView"] as const) }
    : pyarrowScalar(dice, writer);
}

const UNITS: readonly TimeUnit[] = ["s", "ms", "us", "ns"];

function duckdbScalar(dice: Dice): ColumnType {
  const precision = 1 + dice.int(38);
  return dice.pick<ColumnType>([
    { kind: dice.pick(NUMBER_KINDS.filter((kind) => kind !== "float16")) },
    { kind: dice.pick(["string", "binary", "enum"] as const) },
    { kind: "decimal", bits: 128, precision, scale: dice.int(precision + 1) },
    { kind: "date32" },
    { kind: "time", unit: "us" },
    { kind: "timestamp", unit: dice.pick(["ms", "us", "ns"]), zone: null },
    { kind: "timestamp", unit: "us", zone: "UTC" },
  ]);
}

function pyarrowScalar(dice: Dice, { format, zonedUnits }: Writer): ColumnType {
  const precision = 1 + dice.int(38);
  const wide = 39 + dice.int(38);
  const usual: ColumnType[] = [
    { kind: dice.pick(NUMBER_KINDS) },
    { kind: dice.pick(NUMBER_KINDS) },
    { kind: dice.pick(["string", "largeString", "binary", "largeBinary"] as const) },
    { kind: "decimal", bits: 128, precision, scale: dice.int(precision + 1) },
    { kind: dice.pick(["date32", "date64"] as const) },
    { kind: "time", unit: dice.pick(UNITS) },
    { kind: "timestamp", unit: dice.pick(UNITS), zone: dice.pick([null, "UTC"]) },
    { kind: "timestamp", unit: dice.pick(zonedUnits), zone: dice.pick(["Europe/Berlin", "+05:30"]) },
    { kind: "fixedBinary", bytes: 1 + dice.int(20) },
    { kind: "dictionary", value: { kind: dice.pick(["string", "string", "int64", "largeString"] as const) } },
  ];
  const rare: ColumnType[] = [
    { kind: "null" },
    { kind: "decimal", bits: 256, precision: wide, scale: dice.int(wide) },
    { kind: "duration", unit: dice.pick(UNITS) },
  ];
  const arrowAlone: ColumnType[] = [
    { kind: "monthInterval" },
    { kind: "runEnds", value: { kind: "int32" } },
    {
      kind: dice.pick(["sparseUnion", "denseUnion"] as const),
      fields: [
        { name: "i", type: { kind: "int32" } },
        { name: "s", type: { kind: "string" } },
      ],
    },
  ];
  if (dice.int(12) > 0) return dice.pick(usual);
  return dice.pick(format === "arrow" ? [...rare, ...arrowAlone] : rare);
}

function nestedType(dice: Dice, writer: Writer, depth: number): ColumnType {
  const inner = () => randomType(dice, writer, depth - 1);
  const kinds = ["list", "list", "fixedList", "struct", "struct", "map"] as const;
  const kind = writer.hand === "pyarrow" && dice.int(8) === 0 ? "largeList" : dice.pick(kinds);
  switch (kind) {
    case "list":
    case "largeList":
      return { kind, item: inner() };
    case "fixedList":
      return { kind, item: inner(), length: 1 + dice.int(4) };
    case "struct":
      return { kind, fields: structFields(dice, writer, depth) };
    case "map":
      return { kind, key: { kind: dice.pick(["string", "int32"] as const) }, value: inner() };
  }
}

function structFields(dice: Dice, writer: Writer, depth: number): NamedType[] {
  const taken = new Set<string>();
  return Array.from({ length: 1 + dice.int(3) }, () => ({
    name: columnName(dice, taken),
    type: randomType(dice, writer, depth - 1),
  }));
}
