import {
  Field as ArrowField,
  type Data,
  Int64,
  makeData,
  type RecordBatch,
  Schema,
  Table,
  Utf8,
} from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { quickSchema, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { DatasetRows } from "../../shared/domain/dataset-rows.ts";
import { fileFormatOf } from "../../shared/domain/formats.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import { cutReason, type DeadLetter } from "../../shared/domain/partial.ts";
import { placeOfRow } from "../../shared/domain/row-place.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import type { DeadLetterReason } from "../tensorize/input-chunk.ts";

const PLACE_FIELDS = [
  new ArrowField("file", new Utf8(), false),
  new ArrowField("row", new Int64(), false),
  new ArrowField("stage", new Utf8(), false),
  new ArrowField("code", new Utf8(), false),
  new ArrowField("message", new Utf8(), false),
];

/** Bound of the bytes of a row's number, stage, code and offsets. */
const LETTER_BYTES = 128;

/**
 * Table of a shard's dead letters: file, row in the file, stage, code, message, and the kept columns. A kept
 * column with one of these names is called `kept_<name>`.
 */
export class DeadLetterTable {
  /** Most bytes of a row's place and reason, without the message. */
  readonly placeBytes: number;
  /** Names of the kept columns, as in the rows. */
  readonly keeps: readonly string[];
  readonly #slices: readonly LeaseSlice[];
  /** Rows of the shard, by slice. */
  readonly #rowsOfSlices: DatasetRows;
  readonly #schema: Schema;
  readonly #batches: RecordBatch[] = [];
  #rows = 0;
  #first: DeadLetter | null = null;

  constructor(slices: readonly LeaseSlice[], keep: readonly ArrowField[]) {
    const longest = slices.reduce((most, slice) => Math.max(most, longestPath(slice)), 0);
    this.placeBytes = longest + LETTER_BYTES;
    this.keeps = keep.map(({ name }) => name);
    this.#slices = slices;
    this.#rowsOfSlices = new DatasetRows(slices.map(shardRows));
    this.#schema = quickSchema(new Schema([...PLACE_FIELDS, ...renamed(keep)]));
  }

  get rows(): number {
    return this.#rows;
  }

  get first(): DeadLetter | null {
    return this.#first;
  }

  /**
   * @param deadLetters rows of the shard
   * @param kept kept columns of these rows only
   */
  add(deadLetters: readonly (readonly [number, DeadLetterReason])[], kept: readonly Data[]): void {
    const letters = deadLetters.map(
      ([row, { stage, code, message }]): DeadLetter => ({
        ...this.#placeOf(row),
        stage,
        code,
        message: cutReason(message),
      }),
    );
    this.#first ??= letters[0] ?? null;
    this.#rows += letters.length;
    const children = [
      utf8(letters.map(({ file }) => file)),
      makeData({
        type: new Int64(),
        data: BigInt64Array.from(letters, ({ row }) => BigInt(row)),
        nullCount: 0,
      }),
      utf8(letters.map(({ stage }) => stage)),
      utf8(letters.map(({ code }) => code)),
      utf8(letters.map(({ message }) => message)),
      ...kept,
    ];
    this.#batches.push(recordBatchOf(this.#schema, letters.length, children));
  }

  #placeOf(row: number): Pick<DeadLetter, "file" | "row"> {
    const place = this.#rowsOfSlices.placeOf(row);
    const slice = present(this.#slices[place.file], "a row of the shard lies in one of its files");
    return placeOfRow(slice.file, slice.rowStart + place.row);
  }

  finish(): Table | null {
    return this.#rows === 0 ? null : new Table(this.#schema, this.#batches);
  }
}

function longestPath({ file, rowStart, rowEnd }: LeaseSlice): number {
  let longest = Buffer.byteLength(file.path);
  if (fileFormatOf(file.format) === null) return longest;
  for (let row = rowStart; row < rowEnd; row += 1)
    longest = Math.max(longest, Buffer.byteLength(placeOfRow(file, row).file));
  return longest;
}

function renamed(keep: readonly ArrowField[]): readonly ArrowField[] {
  const taken = new Set([...PLACE_FIELDS, ...keep].map(({ name }) => name));
  return keep.map((field) => {
    // Nullable: columns of later steps are null for a row that a step failed on.
    if (!PLACE_FIELDS.some(({ name }) => name === field.name))
      return new ArrowField(field.name, field.type, true, field.metadata);
    let name = `kept_${field.name}`;
    while (taken.has(name)) name = `kept_${name}`;
    taken.add(name);
    return new ArrowField(name, field.type, true, field.metadata);
  });
}

function utf8(texts: readonly string[]): Data<Utf8> {
  const encoded = texts.map((text) => Buffer.from(text, "utf8"));
  const valueOffsets = new Int32Array(texts.length + 1);
  encoded.forEach((bytes, index) => {
    valueOffsets[index + 1] = (valueOffsets[index] ?? 0) + bytes.length;
  });
  const data = new Uint8Array(Buffer.concat(encoded));
  return makeData({ type: new Utf8(), length: texts.length, nullCount: 0, valueOffsets, data });
}
