import {
  Dictionary,
  Field,
  Float32,
  Int8,
  Int32,
  makeData,
  RecordBatch,
  Schema,
  SparseUnion,
  Table,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import { foreignFiles } from "../../../support/foreign-files.ts";
import { memorySource } from "../../../support/memory-source.ts";
import { readRows } from "../../../support/read-rows.ts";
import { embeddings, everyType, plainRows, smallTable, tableOf } from "../../../support/sample-table.ts";

const table = inBatches(everyType(250), 100);
const bytes = tableToIPC(table, "file");

const open = (content: Uint8Array) => openDatasetFile(memorySource(content, "a.arrow"), "arrow", NEVER);

function inBatches(whole: Table, rows: number): Table {
  const batches: RecordBatch[] = [];
  for (let start = 0; start < whole.numRows; start += rows) {
    batches.push(...whole.slice(start, Math.min(whole.numRows, start + rows)).batches);
  }
  return new Table(whole.schema, batches);
}

describe("an Arrow file", () => {
  it("reading one column does not fetch the bytes of the others", async () => {
    const wide = tableOf({ a: embeddings(8_000, 64), b: embeddings(8_000, 1), c: embeddings(8_000, 64) });
    const source = memorySource(tableToIPC(wide, "file"));
    using file = await openDatasetFile(source, "arrow", NEVER);
    const opened = source.reads.length;
    const rows = await readRows(file, { columns: ["b"] });
    expect(rows.numRows).toBe(8_000);
    const fetched = source.reads.slice(opened).reduce((sum, [start, end]) => sum + end - start, 0);
    expect(fetched).toBeLessThan(8_000 * 4 + 2_000);
  });

  it("its batches are read as messages, as many at once as fit", async () => {
    const parts = inBatches(tableOf({ a: embeddings(500, 64) }), 100);
    const content = tableToIPC(parts, "file");
    const source = memorySource(content);
    using file = await openDatasetFile(source, "arrow", NEVER);
    const batchBytes = 100 * 64 * 4;
    for (const [mostBytes, ends] of [
      [1, [1, 2, 3, 4, 5]],
      [2 * batchBytes + 1_000, [2, 4, 5]],
      [100 * batchBytes, [5]],
    ] as const) {
      const opened = source.reads.length;
      const found: number[] = [];
      const sent: Uint8Array[] = [];
      for (let group = 0; group < 5; ) {
        const read = file.messages?.(group, mostBytes, NEVER);
        found.push(read?.end ?? Number.NaN);
        for (const { header, body } of (await read?.messages) ?? []) sent.push(header, ...body);
        group = read?.end ?? 5;
      }
      expect(found).toEqual(ends);
      expect(source.reads.length - opened).toBe(ends.length);
      let at = 0;
      for (const piece of sent) {
        at = Buffer.from(content).indexOf(piece, at);
        expect(at).toBeGreaterThan(0);
      }
      expect(sent).toHaveLength(10);
    }
  });

  it("opening it reads the metadata of large batches, and no data", async () => {
    const source = memorySource(tableToIPC(inBatches(tableOf({ a: embeddings(4_000, 64) }), 1_000), "file"));
    using file = await openDatasetFile(source, "arrow", NEVER);
    expect(file.rowGroups).toHaveLength(4);
    const metadata = source.reads.filter(([start, end]) => start > 8 && end < source.bytes);
    expect(metadata.map(([start, end]) => end - start < 1_000)).toEqual(Array(metadata.length).fill(true));
    expect(metadata.length).toBeGreaterThan(2);
  });

  it.each(["file", "stream"] as const)(
    "a dictionary that grows from batch to batch is read in a %s",
    async (form) => {
      const type = new Dictionary(new Utf8(), new Int8(), 3);
      const first = vectorFromArray(["x", "y"], new Utf8());
      const grown = first.concat(vectorFromArray(["z"], new Utf8()));
      const batch = (indices: readonly number[], dictionary: typeof first) =>
        tableOf({ c: makeData({ type, data: Int8Array.from(indices), dictionary }) }).batches;
      const [one] = batch([0, 1], first);
      const [two] = batch([2, 0], grown);
      if (one === undefined || two === undefined) throw new Error("expected two batches");
      const content = tableToIPC(new Table([one, two]), form);
      using file = await open(content);
      expect(file.rowGroups.length).toBe(2);
      expect(plainRows(await readRows(file))).toEqual([{ c: "x" }, { c: "y" }, { c: "z" }, { c: "x" }]);
    },
  );

  it("a file whose dictionary is replaced half-way is unsupported", async () => {
    const type = new Dictionary(new Utf8(), new Int8(), 3);
    const batches = [["x"], ["y"]].flatMap((values) => {
      const dictionary = vectorFromArray(values, new Utf8());
      return tableOf({ c: makeData({ type, data: Int8Array.of(0), dictionary }) }).batches;
    });
    const content = tableToIPC(new Table(batches), "stream");
    await expect(open(content)).rejects.toMatchObject({ code: "INPUT_UNSUPPORTED" });
  });

  it("a column of an unknown type is unsupported, and the error names the column", async () => {
    const { schema, batches } = tableOf({
      odd: embeddings(2, 1),
      x: makeData({ type: new Float32(), length: 2, nullCount: 0, data: new Float32Array(2) }),
    });
    const odd = Object.assign(new Float32(), { precision: 57 });
    const changed = new Schema([...schema.fields.slice(0, 1), new Field("y", odd, true)]);
    const content = tableToIPC(
      new Table(
        changed,
        batches.map(({ data }) => new RecordBatch(changed, data)),
      ),
    );
    const error = await open(content).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "INPUT_UNSUPPORTED" });
    expect(`${error}`).toContain("`y`");
  });

  it("a run-end encoded column is unsupported, and the error names the column", async () => {
    const error = await open(foreignFiles.runEndEncoded).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "INPUT_UNSUPPORTED" });
    expect(`${error}`).toContain("a column `runs` that is run-end encoded");
  });

  it("run-end encoding within a column is unsupported, and the error names the column and the place", async () => {
    const error = await open(foreignFiles.runEndsWithin).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "INPUT_UNSUPPORTED" });
    expect(`${error}`).toContain("a column `user` in which `days.item` is run-end encoded");
  });

  it.each([10, 9_000])("a file with a union column is read: %i rows", async (rows) => {
    const type = new SparseUnion([0], [new Field("a", new Int32(), false)]);
    const child = makeData({ type: new Int32(), data: Int32Array.from({ length: rows }, (_, at) => at) });
    const u = makeData({ type, length: rows, typeIds: new Int8Array(rows), children: [child] });
    const { batches } = tableOf({ e: embeddings(rows, 4), u });
    for (const form of ["file", "stream"] as const) {
      // Names of several lengths, so that the metadata has several offsets.
      for (const name of ["e", "ee", "eee", "eeeee"]) {
        const schema = new Schema([new Field(name, embeddings(1, 4).type, true), new Field("u", type, true)]);
        const renamed = new Table(
          schema,
          batches.map(({ data }) => new RecordBatch(schema, data)),
        );
        using file = await open(tableToIPC(renamed, form));
        const read = await readRows(file);
        expect(read.getChild("u")?.get(rows - 1)).toBe(rows - 1);
        expect(
          read
            .getChild(name)
            ?.get(rows - 1)
            ?.get(3),
        ).toBe(rows * 4 - 1);
      }
    }
  });

  it("a big-endian file is unsupported", async () => {
    const content = bigEndian(tableToIPC(smallTable(3), "file"));
    await expect(open(content)).rejects.toMatchObject({ code: "INPUT_UNSUPPORTED" });
  });

  it.each([
    ["an empty file", new Uint8Array(), "header"],
    ["a few bytes", bytes.slice(0, 7), "header"],
    ["garbage", Uint8Array.from({ length: 5_000 }, (_, i) => (i * 7919) % 256), "header"],
    ["a Parquet file", foreignFiles.parquet, "header"],
    ["a file that is cut short", bytes.slice(0, bytes.length - 1), "footer"],
    ["a file that is cut in half", bytes.slice(0, bytes.length >> 1), "footer"],
  ])("a corrupt file is refused with its path and place: %s", async (_, content, where) => {
    await expect(open(content)).rejects.toMatchObject({
      code: "INPUT_CORRUPT",
      fields: { path: "a.arrow", where },
    });
  });

  it("a file with any bit flipped fails with a typed error or has the right number of rows", async () => {
    for (const form of ["file", "stream"] as const) {
      const small = tableToIPC(inBatches(everyType(20), 8), form);
      let failures = 0;
      await fc.assert(
        fc.asyncProperty(fc.nat(small.length * 8 - 1), async (bit) => {
          const flipped = small.slice();
          flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          try {
            using file = await open(flipped);
            expect((await readRows(file)).numRows).toBe(file.rows);
          } catch (error) {
            failures += 1;
            if (!isShardmillError(error)) throw error;
            expect(["INPUT_CORRUPT", "INPUT_UNSUPPORTED"]).toContain(error.code);
          }
        }),
        { numRuns: 1_000, seed: 7 },
      );
      expect(failures).toBeGreaterThan(50);
    }
  });
});

/** Returns the same file with a footer that claims big-endian data. */
function bigEndian(content: Uint8Array): Uint8Array {
  const changed = content.slice();
  const view = new DataView(changed.buffer);
  const footerStart = changed.length - 10 - view.getInt32(changed.length - 10, true);
  const footer = footerStart + view.getUint32(footerStart, true);
  const schemaField = footer + view.getUint16(footer - view.getInt32(footer, true) + 6, true);
  const schema = schemaField + view.getUint32(schemaField, true);
  const vtable = schema - view.getInt32(schema, true);
  // Little-endian is the default, so the table lacks this field. It shares the place of the next field, the
  // offset of the columns, which is not zero.
  view.setUint16(vtable + 4, view.getUint16(vtable + 6, true), true);
  return changed;
}
