import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import avro from "avsc";
import { expect, test } from "vitest";
import { readAvro } from "../../../extensions/iceberg/manifests/read-avro.ts";
import type { IcebergIndex } from "../../../extensions/iceberg/op.ts";
import { readTable } from "../../../extensions/iceberg/read-table.ts";
import type { IcebergSpec } from "../../../extensions/iceberg/spec.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { present } from "../../../shared/core/assert.ts";
import { isShardmillError } from "../../../shared/core/errors.ts";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { below, parseLocation } from "../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";

/** Damaged and hostile tables, made of tables that Spark wrote. */

const TABLES = join(packageRoot, "test", "extensions", "iceberg", "tables");
const TABLE = parseLocation("/lake/table");

type Files = Map<string, Buffer>;

async function filesOf(name: string): Promise<Files> {
  const folder = join(TABLES, name);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files: Files = new Map();
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(folder.length + 1), await readFile(path));
  }
  return files;
}

async function store(files: Files): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  for (const [name, bytes] of files)
    await storage.put(below(TABLE, name), sourceOfBytes(bytes), { signal: NEVER });
  return storage;
}

const read = async (files: Files, options: IcebergSpec = {}) =>
  await readTable(TABLE, { storage: await store(files), options, signal: NEVER });

const refusal = async (files: Files, options: IcebergSpec = {}) =>
  await read(files, options).then(
    () => null,
    (error: unknown) => error,
  );

const nameOf = (files: Files, form: RegExp) => [...files.keys()].find((name) => form.test(name)) ?? "";
const LIST = /snap-.*\.avro$/;
const MANIFEST = /-m\d+\.avro$/;
const METADATA = /v\d+\.metadata\.json$/;

/** Changes the metadata of a table, as text. */
async function edited(table: string, edit: (json: string) => string): Promise<Files> {
  const files = await filesOf(table);
  const name = nameOf(files, METADATA);
  return files.set(name, Buffer.from(edit((files.get(name) ?? Buffer.alloc(0)).toString())));
}

test("a list or a manifest that is cut anywhere is refused, and never a shorter table", async () => {
  const files = await filesOf("refs");
  for (const form of [LIST, MANIFEST]) {
    const name = nameOf(files, form);
    const whole = files.get(name) ?? Buffer.alloc(0);
    const marker = whole.subarray(-16);
    const storage = new MemoryStorage();
    for (let bytes = 0; bytes < whole.length; bytes += 7) {
      const path = below(TABLE, String(bytes));
      // Behind a marker, the file of fewer blocks is whole. Stores have no half files.
      const cut = whole.subarray(0, bytes);
      if (cut.subarray(-16).equals(marker)) continue;
      await storage.put(path, sourceOfBytes(cut), { signal: NEVER });
      const reading = readAvro(path, storage, NEVER).then(({ records }) => [...records]);
      await expect(reading, `${name}, ${bytes} bytes`).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
    }
  }
});

test("a table with any byte of its metadata changed is read, or refused with a code", async () => {
  const files = await filesOf("refs");
  for (const form of [LIST, MANIFEST, METADATA]) {
    const name = nameOf(files, form);
    const whole = files.get(name) ?? Buffer.alloc(0);
    for (let at = 0; at < whole.length; at += Math.ceil(whole.length / 60)) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      const error = await refusal(new Map(files).set(name, damaged));
      expect(error === null || isShardmillError(error), `${name} at ${at}: ${error}`).toBe(true);
      if (isShardmillError(error)) expect(error.code, String(error.stack)).not.toBe("INTERNAL");
    }
  }
});

test.each([
  {
    what: "a snapshot that is missing",
    edit: (json: string) => json.replace(/"current-snapshot-id"\s*:\s*\d+/, '"current-snapshot-id" : 5'),
    code: "INPUT_CORRUPT",
  },
  {
    what: "a schema that is missing",
    edit: (json: string) => json.replace(/"current-schema-id"\s*:\s*\d+/, '"current-schema-id" : 99'),
    code: "INPUT_CORRUPT",
  },
  {
    what: "a later format",
    edit: (json: string) => json.replace(/"format-version"\s*:\s*1/, '"format-version" : 4'),
    code: "INPUT_UNSUPPORTED",
  },
  {
    what: "files elsewhere",
    edit: (json: string) => json.replace(/"location"\s*:\s*"[^"]*"/, '"location" : "/lake/n/ref"'),
    code: "INPUT_CORRUPT",
  },
  {
    what: "a list outside of its folder",
    edit: (json: string) => json.replaceAll("/refs/metadata/snap", "/refs/../../snap"),
    code: "INPUT_CORRUPT",
  },
  {
    what: "a type of later formats",
    edit: (json: string) => json.replaceAll('"long"', '"variant"'),
    code: "INPUT_UNSUPPORTED",
  },
  {
    what: "a type that is none",
    edit: (json: string) => json.replaceAll('"long"', '"longer"'),
    code: "INPUT_CORRUPT",
  },
  { what: "no JSON", edit: (json: string) => json.slice(0, -5), code: "INPUT_CORRUPT" },
  {
    what: "no rows",
    edit: (json: string) => json.replace(/"current-snapshot-id"\s*:\s*\d+/, '"current-snapshot-id" : -1'),
    code: "INPUT_NOT_FOUND",
  },
])("a table with $what is refused", async ({ edit, code }) => {
  const files = await edited("refs", edit);
  expect(await refusal(files)).toMatchObject({ code });
});

test("a missing file and a file of another size are refused", async () => {
  const files = await filesOf("refs");
  const name = nameOf(files, /^data\/.*parquet$/);
  for (const data of files.keys()) if (data.startsWith("data/")) files.set(data, Buffer.from("PAR1"));
  expect(await refusal(files)).toMatchObject({ code: "INPUT_CORRUPT" });
  for (const data of [...files.keys()]) if (data.startsWith("data/")) files.delete(data);
  expect(await refusal(files)).toMatchObject({ code: "INPUT_NOT_FOUND" });
  expect(name).not.toBe("");
});

test("options that do not fit the table are refused with what it has", async () => {
  const files = await filesOf("refs");
  for (const options of [
    { snapshot: "5" },
    { ref: "none" },
    { asOf: "2001-01-01" },
    { ref: "side", snapshot: "5" },
  ])
    expect(await refusal(files, options)).toMatchObject({ code: "SPEC_INVALID" });
  expect(await refusal(files, { metadata: "v1.metadata.json" })).toMatchObject({ code: "INPUT_NOT_FOUND" });
  const two = new Map(files).set("metadata/00007-a.metadata.json", Buffer.from("{}"));
  expect(await refusal(two)).toMatchObject({ code: "SPEC_INVALID" });
});

test("a folder named metadata without metadata is no table", async () => {
  expect(await read(new Map([["metadata/notes.txt", Buffer.from("x")]]))).toBeNull();
});

/** Writes an Avro file of one block with a schema, a count and bytes that need not fit. */
function avroFile(schema: unknown, count: number, block: Buffer, codec = "null"): Buffer {
  const long = avro.Type.forSchema("long");
  const map = avro.Type.forSchema({ type: "map", values: "bytes" });
  const head = { "avro.schema": Buffer.from(JSON.stringify(schema)), "avro.codec": Buffer.from(codec) };
  const sync = Buffer.alloc(16, 7);
  return Buffer.concat([
    Buffer.from("Obj\x01", "latin1"),
    map.toBuffer(head),
    sync,
    long.toBuffer(count),
    long.toBuffer(block.length),
    block,
    sync,
  ]);
}

const record = (type: unknown) => ({ type: "record", name: "r", fields: [{ name: "a", type }] });

test.each([
  { what: "records that take no bytes", file: avroFile("null", 2 ** 50, Buffer.alloc(0)) },
  {
    what: "items that take no bytes",
    file: avroFile(
      record({ type: "array", items: "null" }),
      1,
      Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0x7f, 0]),
    ),
  },
  {
    what: "items of an empty record",
    file: avroFile(
      record({ type: "array", items: { type: "record", name: "e", fields: [] } }),
      1,
      Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0x7f, 0]),
    ),
  },
  {
    what: "a schema within itself",
    file: avroFile({ type: "record", name: "r", fields: [{ name: "a", type: "r" }] }, 1, Buffer.from([0])),
  },
  { what: "more records than bytes", file: avroFile(record("int"), 2 ** 50, Buffer.from([0, 0])) },
  {
    what: "a text longer than the file",
    file: avroFile(record("string"), 1, Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f])),
  },
  { what: "a bomb", file: avroFile(record("int"), 1, deflateRawSync(Buffer.alloc(300 << 20)), "deflate") },
  { what: "no schema", file: avroFile("nothing", 1, Buffer.from([0])) },
])("an Avro file with $what is refused in bounded time", { timeout: 20_000 }, async ({ file }) => {
  const storage = new MemoryStorage();
  await storage.put(TABLE, sourceOfBytes(file), { signal: NEVER });
  const reading = readAvro(TABLE, storage, NEVER).then(({ records }) => [...records]);
  await expect(reading).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
});

/** Bytes of a whole number, as they are in the file: those of ids exceed 53 bits. */
const RAW_LONG = avro.types.LongType.__with(
  {
    fromBuffer: (bytes: Buffer) => Buffer.from(bytes),
    toBuffer: (bytes: Buffer) => bytes,
    fromJSON: (json: unknown) => json,
    toJSON: (value: unknown) => value,
    isValid: (value: unknown) => Buffer.isBuffer(value),
    compare: (a: Buffer, b: Buffer) => a.compare(b),
  },
  true,
);

/** Returns a list with a block for each manifest, cut behind its header and behind each block. */
async function cutsOf(list: Buffer): Promise<readonly Buffer[]> {
  const storage = new MemoryStorage();
  await storage.put(TABLE, sourceOfBytes(list), { signal: NEVER });
  const { header } = await readAvro(TABLE, storage, NEVER);
  const schema = JSON.parse(header["avro.schema"] ?? "");
  const type = avro.Type.forSchema(schema, { registry: { long: RAW_LONG } });
  const decoder = new avro.streams.BlockDecoder({ parseHook: () => type });
  decoder.end(list);
  const cuts = [avroFile(schema, 0, Buffer.alloc(0))];
  // A block of no records is two bytes and the marker.
  const start = (cuts[0]?.length ?? 0) - 18;
  for await (const record of decoder) {
    const block = avroFile(schema, 1, type.toBuffer(record)).subarray(start);
    cuts.push(Buffer.concat([cuts.at(-1) ?? Buffer.alloc(0), block]));
  }
  return cuts;
}

test.each(["deletes_file", "deletes_partition", "vectors"])(
  "a list of %s that is cut behind any block is refused, and never a shorter table",
  async (name) => {
    const files = await filesOf(name);
    const planned = present(await read(files), "it is a table").files;
    const { form } = present(planned[0], "it has files").index as IcebergIndex;
    const list = nameOf(files, new RegExp(`snap-${form.snapshot}-.*avro$`));
    const cuts = await cutsOf(files.get(list) ?? Buffer.alloc(0));
    expect(cuts.length).toBeGreaterThan(2);
    for (const [blocks, cut] of cuts.entries()) {
      const reading = read(new Map(files).set(list, cut));
      if (blocks === cuts.length - 1) expect((await reading)?.files.length).toBe(planned.length);
      else await expect(reading, `${blocks} blocks`).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
    }
  },
);
