import { type Data, DateDay, Field, Int64, makeData, Utf8 } from "apache-arrow";
import { present } from "../core/assert.ts";
import type { PartitionType, PartitionValue } from "../domain/dataset.ts";
import { dayOf } from "../domain/partition.ts";
import { bitmapBytes } from "./bits.ts";
import { inputUnsupported } from "./input-errors.ts";

/** Limit of a plain text column: Arrow's offsets are signed, of 32 bits. */
const MAX_TEXT_BYTES = 2 ** 31 - 1;

const ARROW_TYPES = {
  int64: new Int64(),
  date: new DateDay(),
  string: new Utf8(),
} as const satisfies Record<PartitionType, unknown>;

/** Returns the Arrow field of the column. `fieldsOf` turns it into `partitionField`. */
export function constantField({ name, type }: PartitionValue): Field {
  return new Field(name, ARROW_TYPES[type], true);
}

/**
 * Makes a column of one value, `rows` times, in memory of its own.
 *
 * @param path path of the file that the column belongs to
 * @throws {INPUT_UNSUPPORTED} when the text exceeds a column's limit
 */
export function constantColumn({ type, value, name }: PartitionValue, rows: number, path: string): Data {
  const nulls =
    value === null
      ? { nullCount: rows, nullBitmap: new Uint8Array(bitmapBytes(rows)) }
      : { nullCount: 0, nullBitmap: null };
  const shared = { length: rows, ...nulls };
  switch (type) {
    case "int64":
      return makeData({
        type: ARROW_TYPES.int64,
        data: new BigInt64Array(rows).fill(BigInt(value ?? 0)),
        ...shared,
      });
    case "date": {
      const day = value === null ? 0 : present(dayOf(value), "a date is a day of the calendar");
      return makeData({ type: ARROW_TYPES.date, data: new Int32Array(rows).fill(day), ...shared });
    }
    case "string": {
      const text = Buffer.from(value ?? "");
      if (text.length * rows > MAX_TEXT_BYTES)
        throw inputUnsupported(
          path,
          `a record batch of ${rows} rows, too many for the text of partition \`${name}\``,
          "write it in smaller record batches",
        );
      return makeData({
        type: ARROW_TYPES.string,
        valueOffsets: Int32Array.from({ length: rows + 1 }, (_, row) => row * text.length),
        data: repeated(text, rows),
        ...shared,
      });
    }
  }
}

function repeated(text: Buffer, times: number): Uint8Array {
  const all = new Uint8Array(text.length * times);
  if (all.length > 0) Buffer.from(all.buffer).fill(text);
  return all;
}
