import { inflateRawSync } from "node:zlib";
import avro from "avsc";
import { parseJson } from "../../../shared/core/parse-json.ts";
import type { Location } from "../../../shared/domain/location.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { shown } from "../../lake/table-error.ts";
import { tableCorrupt, tableUnsupported } from "../metadata/iceberg-error.ts";
import { MOST_BYTES, readWhole } from "../metadata/read-whole.ts";

const MAGIC = Buffer.from("Obj\x01", "latin1");
const MAP = avro.Type.forSchema({ type: "map", values: "bytes" });
const LONG = avro.Type.forSchema("long");
const SYNC_BYTES = 16;

/** File of Avro records. */
interface AvroFile {
  /** Texts of the header, by name. */
  readonly header: Readonly<Record<string, string>>;
  /** Records, in order. Whole numbers of 64 bits are bigints. */
  readonly records: Iterable<unknown>;
}

/**
 * Reads a file of Avro records. avsc decodes the records. Blocks are cut here, because avsc takes a file that
 * is cut off for a shorter one.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} and the STORE_ codes. Iterating the records throws these, too
 */
export async function readAvro(
  path: Location,
  storage: Pick<Storage, "stat" | "read">,
  signal: AbortSignal,
): Promise<AvroFile> {
  const content = await readWhole(path, storage, signal);
  return new AvroReader(path, content).read();
}

class AvroReader {
  readonly #path: string;
  readonly #content: Buffer;
  #at = 0;

  constructor(path: string, content: Buffer) {
    this.#path = path;
    this.#content = content;
  }

  read(): AvroFile {
    if (!this.#take(MAGIC.length, "header").equals(MAGIC))
      throw this.#fault("header", "an Avro file", "another one");
    const texts = this.#decode(MAP, "header") as Record<string, Buffer>;
    const header = Object.fromEntries(
      Object.entries(texts).map(([name, value]) => [name, value.toString("utf8")]),
    );
    const unpack = this.#unpacker(header["avro.codec"] ?? "null");
    return { header, records: this.#records(this.#typeOf(header["avro.schema"] ?? ""), unpack) };
  }

  *#records(type: avro.Type, unpack: (block: Buffer) => Buffer): Generator<unknown, void, undefined> {
    const sync = this.#take(SYNC_BYTES, "header");
    while (this.#at < this.#content.length) {
      const count = Number(this.#decode(LONG, "block"));
      const bytes = Number(this.#decode(LONG, "block"));
      const block = unpack(this.#take(bytes, "block"));
      let at = 0;
      for (let record = 0; record < count; record += 1) {
        const { value, offset } = this.#guard("record", () => type.decode(block, at));
        if (offset < 0) throw this.#fault("block", `${count} records`, "fewer");
        at = offset;
        yield value;
      }
      if (count < 0 || at !== block.length)
        throw this.#fault("block", `${count} records`, "more bytes than theirs");
      if (!this.#take(SYNC_BYTES, "block").equals(sync))
        throw this.#fault("block", "its marker", "other bytes");
    }
  }

  #typeOf(text: string): avro.Type {
    const schema = parseJson(text);
    if (!this.#guard("schema", () => isBounded(schema)))
      throw this.#fault("schema", "records that take a byte at least", shown(text));
    return this.#guard("schema", () =>
      avro.Type.forSchema(schema as never, { registry: { long: LONG_BIGINT } }),
    );
  }

  #unpacker(codec: string): (block: Buffer) => Buffer {
    if (codec === "null") return (block) => block;
    if (codec === "deflate")
      return (block) => this.#guard("block", () => inflateRawSync(block, { maxOutputLength: MOST_BYTES }));
    throw tableUnsupported(this.#path, `the compression ${shown(codec)}`);
  }

  #decode(type: avro.Type, where: string): unknown {
    const { value, offset } = this.#guard(where, () => type.decode(this.#content, this.#at));
    if (offset < 0) throw this.#fault(where, "more bytes", "the end of the file");
    this.#at = offset;
    return value;
  }

  #take(bytes: number, where: string): Buffer {
    const end = this.#at + bytes;
    if (!(bytes >= 0 && end <= this.#content.length))
      throw this.#fault(where, "more bytes", "the end of the file");
    const taken = this.#content.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #guard<T>(where: string, act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw this.#fault(where, "Avro", error instanceof Error ? error.message : String(error), error);
    }
  }

  #fault(where: string, expected: string, found: string, cause?: unknown): Error {
    return tableCorrupt({ path: this.#path, where, expected, found, cause });
  }
}

const LONG_BIGINT = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === "bigint",
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

/**
 * Checks that each record, and each item of an array or a map, takes a byte at least. Otherwise a small file
 * could have any number of them, and decoding it would not end.
 */
function isBounded(schema: unknown): boolean {
  const empty = new Map<string, boolean>();
  let bounded = true;
  const isEmpty = (type: unknown): boolean => {
    if (typeof type === "string") return type === "null" || (empty.get(type) ?? false);
    if (Array.isArray(type)) {
      for (const each of type) isEmpty(each);
      return false;
    }
    const { type: kind, name, fields, size, items, values } = (type ?? {}) as Record<string, unknown>;
    if (kind === "fixed") return !(Number(size) > 0);
    if (kind === "array" || kind === "map") {
      if (isEmpty(kind === "array" ? items : values)) bounded = false;
      return false;
    }
    if (kind !== "record") return isEmpty(kind ?? "null");
    const all = Array.isArray(fields) ? fields.map((field) => isEmpty(field?.type)) : [];
    const isNothing = all.every(Boolean);
    empty.set(String(name), isNothing);
    return isNothing;
  };
  return !isEmpty(schema) && bounded;
}
