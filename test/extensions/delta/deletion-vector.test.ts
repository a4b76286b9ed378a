import { crc32 } from "node:zlib";
import roaring from "roaring-wasm";
import { expect, test } from "vitest";
import { readDeletionVector } from "../../../extensions/delta/deletion-vector.ts";
import { RowsLeft } from "../../../extensions/lake/op.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { TABLE } from "./delta-tables.ts";

/** Names of the protocol, and vectors by the library. Those of Spark are in `tables.test.ts`. */

const FILE = parseLocation(`${TABLE}/part.parquet`);

/** Place of a vector's file in the text of the protocol. */
const RELATIVE = "ab^-aqEH.-t@S}K{vb[*k^";
const RELATIVE_FILE = "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin";

type Vector = Parameters<typeof readDeletionVector>[0]["vector"];

const read = (vector: Vector, storage = new MemoryStorage()) =>
  readDeletionVector({ table: TABLE, file: FILE, vector }, storage, NEVER);

/** Returns the deleted rows below a limit. */
async function rowsOf(reading: ReturnType<typeof read>, limit: number): Promise<number[]> {
  const deleted = await reading;
  if (deleted === null) return [];
  const left = new RowsLeft(deleted);
  const kept = new Set(
    left
      .rangesIn(0, limit)
      .flatMap(({ start, end }) => Array.from({ length: end - start }, (_, at) => start + at)),
  );
  return Array.from({ length: limit }, (_, row) => row).filter((row) => !kept.has(row));
}

/** Returns a vector's bytes, in the portable format of 64 bits. */
function bytesOf(rows: Iterable<number>, key = 0): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(1_681_511_377, 0);
  head.writeBigUInt64LE(1n, 4);
  head.writeUInt32LE(key, 12);
  const bitmap = new roaring.RoaringBitmap32(rows);
  bitmap.runOptimize();
  return Buffer.concat([head, bitmap.serialize("portable")]);
}

/** Returns the content of a file with a vector at offset 1. */
function fileOf(bytes: Buffer): Buffer {
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(bytes.length, 0);
  frame.writeUInt32BE(crc32(bytes), 4);
  return Buffer.concat([Buffer.of(1), frame.subarray(0, 4), bytes, frame.subarray(4)]);
}

function z85Of(bytes: Buffer): string {
  const chars = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
  return Array.from({ length: bytes.length / 4 }, (_, word) => {
    let value = bytes.readUInt32BE(4 * word);
    const digits = [0, 0, 0, 0, 0].map(() => {
      const digit = chars[value % 85] ?? "";
      value = Math.floor(value / 85);
      return digit;
    });
    return digits.reverse().join("");
  }).join("");
}

async function stored(content: Uint8Array, name = RELATIVE_FILE): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  await storage.put(parseLocation(`${TABLE}/${name}`), sourceOfBytes(content), { signal: NEVER });
  return storage;
}

test("an inline vector has its rows, whatever fills its last characters", async () => {
  for (const rows of [[3, 4, 7, 11, 18, 29], [0], [5, 6, 7, 8, 9, 10, 11, 12]]) {
    const bytes = bytesOf(rows);
    const place = z85Of(Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]));
    const vector = { storage: "i", place, offset: 0, bytes: bytes.length, rows: rows.length } as const;
    expect(await rowsOf(read(vector), 40)).toEqual(rows);
    expect(await read(vector)).toMatchObject({ rows: rows.length, last: rows.at(-1) });
  }
});

test("a vector of any rows is read from a file that is relative to the table, or at a path of it", async () => {
  const sets = [
    [0],
    [5, 6, 7, 100_000],
    Array.from({ length: 70_000 }, (_, row) => row + 60_000),
    Array.from({ length: 30_000 }, (_, at) => at * 3),
  ];
  for (const rows of sets) {
    const bytes = bytesOf(rows);
    const vector = { offset: 1, bytes: bytes.length, rows: rows.length } as const;
    const storage = await stored(fileOf(bytes));
    const found = read({ ...vector, storage: "u", place: RELATIVE }, storage);
    expect(await rowsOf(found, 140_000)).toEqual(rows);
    const place = `file:${TABLE}/${RELATIVE_FILE}`;
    expect(await read({ ...vector, storage: "p", place }, storage)).toEqual(await found);
  }
});

const GOOD = bytesOf([1, 2, 9]);
const VECTOR = { storage: "u", place: RELATIVE, offset: 1, bytes: GOOD.length, rows: 3 } as const;

function changed(at: number): Buffer {
  const content = fileOf(GOOD);
  content.writeUInt8(content.readUInt8(at) ^ 1, at);
  return content;
}

test.each([
  { name: "another checksum", content: changed(fileOf(GOOD).length - 1) },
  { name: "a changed byte", content: changed(30) },
  { name: "another length", content: changed(4) },
  { name: "a cut end", content: fileOf(GOOD).subarray(0, -1) },
  { name: "more rows than the log has", vector: { ...VECTOR, rows: 2 } },
  { name: "no bitmap", content: fileOf(Buffer.alloc(GOOD.length, 7)) },
  { name: "rows above 32 bits", content: fileOf(bytesOf([1, 2, 9], 1)) },
  { name: "a name that is no UUID", vector: { ...VECTOR, place: "abc" } },
  { name: "a prefix that leads elsewhere", vector: { ...VECTOR, place: `../${RELATIVE}` } },
  { name: "a path out of the table", vector: { ...VECTOR, storage: "p", place: "file:/etc/x.bin" } as const },
  { name: "text that is not z85", vector: { ...VECTOR, storage: "i", place: "~~~~~" } as const },
  { name: "a file that is gone", vector: { ...VECTOR, place: `x${RELATIVE}` } },
])("a vector with $name is refused", async ({ content = fileOf(GOOD), vector = VECTOR }) => {
  await expect(read(vector, await stored(content))).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
});

test("a bitmap that claims more than it has is refused, and so are too many rows", async () => {
  for (let at = 16; at < GOOD.length; at += 1)
    for (const value of [0, 255]) {
      const bytes = Buffer.from(GOOD);
      bytes.writeUInt8(value, at);
      const found = await read(VECTOR, await stored(fileOf(bytes))).catch((error: unknown) => error);
      if (found instanceof Error) expect(found).toMatchObject({ code: "INPUT_CORRUPT" });
      else expect(found).toMatchObject({ rows: 3 });
    }
  const many = { ...VECTOR, rows: 100_000_001 };
  await expect(read(many, await stored(fileOf(GOOD)))).rejects.toMatchObject({ code: "INPUT_UNSUPPORTED" });
});
