import { type Data, DataType, DateUnit } from "apache-arrow";
import { assert, present } from "../core/assert.ts";
import { ShardmillError } from "../core/errors.ts";
import { bitAt } from "../dataset/bits.ts";
import { NULL_PARTITION } from "../domain/partition.ts";

const DAY_MS = 86_400_000;

/** Longest name that disks and stores accept. */
const NAME_BYTES = 255;

/**
 * Returns the name of the folder for the rows with `value` in a column: `day=2026-01-01`. Of ASCII, only
 * letters, digits and `_`, `.`, `~`, `-` stay, and all else is percent-encoded. Other characters stay,
 * because Spark decodes byte by byte. A text that equals the name for null gets its first character encoded.
 *
 * @param value null: there is none
 * @throws {OUTPUT_FAILED} when the name is too long
 */
export function folderName(column: string, value: string | null): string {
  const name = `${encode(column)}=${encodeValue(value)}`;
  if (Buffer.byteLength(name) <= NAME_BYTES) return name;
  throw new ShardmillError(
    "OUTPUT_FAILED",
    `a value of \`${column}\` is too long for the name of a folder: ${name.slice(0, 60)}...`,
    {
      fields: { column, bytes: Buffer.byteLength(name), most: NAME_BYTES },
      hint: "set output.partitionBy to a column of short values, and run with --fresh: it is another job",
    },
  );
}

function encodeValue(value: string | null): string {
  if (value === null) return NULL_PARTITION;
  return value === NULL_PARTITION ? `%5F${value.slice(1)}` : encode(value);
}

function encode(text: string): string {
  return text.replace(/[^A-Za-z0-9_.~\u0080-\uffff-]/g, (character) => {
    const hex = character.charCodeAt(0).toString(16).toUpperCase();
    return `%${hex.padStart(2, "0")}`;
  });
}

/**
 * Returns a reader of a column's values as the text in a folder's name: integers, `true` and `false`, days,
 * strings.
 *
 * @throws {OUTPUT_FAILED} for a day outside the years 0 to 9999
 */
export function textsOf(column: string, data: Data): (row: number) => string | null {
  const textAt = reader(column, data);
  return (row) => (data.getValid(row) ? textAt(row) : null);
}

function reader(column: string, data: Data): (row: number) => string {
  const { type, values } = data;
  if (DataType.isBool(type)) return (row) => String(bitAt({ bytes: values, offset: data.offset }, row));
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) {
    const offsets = present(data.valueOffsets, "text has offsets");
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    return (row) => bytes.toString("utf8", Number(offsets[row]), Number(offsets[row + 1]));
  }
  if (DataType.isDate(type)) {
    const unitMs = type.unit === DateUnit.DAY ? DAY_MS : 1;
    return (row) => dayText(column, Number(values[row]) * unitMs);
  }
  assert(DataType.isInt(type), "the plan lets only such columns name folders");
  return (row) => String(values[row]);
}

function dayText(column: string, ms: number): string {
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  if (year >= 0 && year <= 9999) return date.toISOString().slice(0, 10);
  throw new ShardmillError("OUTPUT_FAILED", `a day of \`${column}\` is not in the years 0 to 9999`, {
    fields: { column, ms },
    hint: "set output.partitionBy to another column, and run with --fresh: it is another job",
  });
}
