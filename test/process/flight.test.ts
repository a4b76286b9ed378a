import {
  type DataType,
  Field,
  FixedSizeList,
  Float32,
  makeData,
  Struct,
  type Table,
  tableFromIPC,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import type { FlightInfo } from "../../extensions/flight/methods.ts";
import { encodeArrow } from "../../shared/dataset/encode.ts";
import { withLength } from "../../shared/dataset/ipc-messages.ts";
import { FlightClient, flightRig } from "../support/flight/flight-client.ts";
import { PublishedOutput } from "../support/flight/published-output.ts";
import { embeddings, everyType, only, plainRows, smallTable, tableOf } from "../support/sample-table.ts";
import { failureOf } from "../support/wire-rig.ts";

/** Message limit of arrow-rs and gRPC for Go by default. */
const MOST_MESSAGE_BYTES = 4 << 20;

const ROWS = "rows/part-00000.parquet";

const namesOf = (infos: readonly FlightInfo[]) => infos.map(({ path }) => path.join("/"));

function schemaText(table: Table): string[] {
  return table.schema.fields.map((field) => String(field));
}

/** Returns the table as a file without dictionaries has it. */
function asWritten(table: Table): Table {
  return tableFromIPC(encodeArrow(table));
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

describe("an output that Arrow Flight serves", () => {
  test("has a flight for its rows, one for each reduction, and one for its errors", async () => {
    await using output = await PublishedOutput.make({
      "rows/part-00000.parquet": smallTable(10),
      "rows/part-00001.parquet": smallTable(5),
      "_reduced/counts.pq": smallTable(3),
      "_reduced/means.pq": smallTable(2),
      "_errors/part-00000.pq": smallTable(1),
    });
    await using rig = await flightRig(output.location);
    const infos = await rig.client.list();
    expect(namesOf(infos)).toEqual(["rows", "reduced/counts", "reduced/means", "errors"]);
    expect(infos.map(({ rows, tickets }) => [rows, tickets.length])).toEqual([
      [15, 2],
      [3, 1],
      [2, 1],
      [1, 1],
    ]);
    expect(namesOf(await rig.client.list("reduced/"))).toEqual(["reduced/counts", "reduced/means"]);
    // A path has one name or several.
    expect(await rig.client.info("reduced/means")).toEqual(await rig.client.info("reduced", "means"));
  });

  test.each(["parquet", "arrow"])(
    "has every type of column, and the rows in order, from its %s files",
    async (format) => {
      const plain = everyType(1_000).select(
        everyType(0).schema.names.filter((name) => name !== "dictionary"),
      );
      const [first, second] = [plain.slice(0, 600), plain.slice(600)];
      await using output = await PublishedOutput.make({
        [`rows/part-00000.${format}`]: first,
        [`rows/part-00001.${format}`]: second,
      });
      await using rig = await flightRig(output.location);
      const read = await rig.client.readAll("rows");
      expect(schemaText(read)).toEqual(schemaText(asWritten(plain)));
      expect(plainRows(read)).toEqual(plainRows(plain));
      const { schema } = await rig.client.info("rows");
      expect(await rig.client.schema("rows")).toEqual(schema);
      expect(schemaText(tableFromIPC(schema))).toEqual(schemaText(read));
    },
  );

  test.each(["parquet", "arrow"])("has its schema when its %s file has no rows", async (format) => {
    await using output = await PublishedOutput.make({ [`rows/part-00000.${format}`]: smallTable(0) });
    await using rig = await flightRig(output.location);
    const read = await rig.client.readAll("rows");
    expect([read.numRows, schemaText(read)]).toEqual([0, schemaText(smallTable(1))]);
  });

  test.each(["parquet", "arrow"])("messages of %s files fit the clients' limit", async (format) => {
    // 8 MB in one record batch of an Arrow file, and strings, where a cut must not split a value.
    const rows = 5_000;
    const words = Array.from({ length: rows }, (_, row) => (row % 7 === 0 ? null : "wörd ".repeat(row % 50)));
    const table = tableOf({
      vector: embeddings(rows, 384),
      word: only(vectorFromArray(words, new Utf8())),
    });
    await using output = await PublishedOutput.make(
      { [`rows/part-00000.${format}`]: table },
      { rows, bytes: 64 << 20 },
    );
    await using rig = await flightRig(output.location);
    const { tickets } = await rig.client.info("rows");
    const sizes: number[] = [];
    for await (const { header, body } of rig.client.messages(tickets[0] ?? new Uint8Array()))
      sizes.push(header.length + body.length);
    expect(sizes.length).toBeGreaterThan(4);
    expect(Math.max(...sizes)).toBeLessThan(MOST_MESSAGE_BYTES / 2);
    const read = await rig.client.readAll("rows");
    expect(plainRows(read.select(["word"]))).toEqual(plainRows(table.select(["word"])));
    const vectors = read.batches.flatMap(({ data }) => data.children[0]?.children[0]?.values ?? []);
    expect(
      Buffer.concat(vectors.map(bytesOf)).equals(bytesOf(embeddings(rows, 384).children[0]?.values)),
    ).toBe(true);
  });

  test("keeps nulls, lists and structs right where a message begins inside a byte of the null bitmap", async () => {
    // A row has about 3.6 kB, so a message has about 430 rows, which is no multiple of eight.
    const rows = 1_500;
    const wide = new FixedSizeList(900, new Field("item", new Float32(), true));
    const pairs = Array.from({ length: rows }, (_, row) =>
      row % 3 === 0 ? null : { vector: row, word: `w${row}` },
    );
    const pair = new Struct([
      new Field("vector", new Float32(), true),
      new Field("word", new Utf8(), true),
    ] as never);
    const nulls = Uint8Array.from({ length: Math.ceil(rows / 8) }, (_, at) => (at * 37 + 11) & 0xff);
    const child = makeData({
      type: new Float32(),
      data: Float32Array.from({ length: rows * 900 }, (_, at) => at),
    });
    const isSet = (row: number) => (((nulls[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;
    const nullCount = Array.from({ length: rows }, (_, row) => row).filter((row) => !isSet(row)).length;
    const table = tableOf({
      wide: makeData({ type: wide, length: rows, nullCount, nullBitmap: nulls, child } as never),
      pair: only(vectorFromArray(pairs, pair as DataType)),
    });
    await using output = await PublishedOutput.make({ "rows/part-00000.arrow": table });
    await using rig = await flightRig(output.location);
    const read = await rig.client.readAll("rows");
    expect(read.batches.length).toBeGreaterThan(3);
    expect(read.getChild("wide")?.nullCount).toBe(nullCount);
    for (let row = 0; row < rows; row += 1) {
      const values = read.getChild("wide")?.get(row);
      expect([row, values === null ? null : values.get(899)]).toEqual([
        row,
        isSet(row) ? row * 900 + 899 : null,
      ]);
    }
    expect(plainRows(read.select(["pair"]))).toEqual(plainRows(table.select(["pair"])));
  });
});

describe("an Arrow Flight server", () => {
  test("refuses every call without the right secret", async () => {
    await using output = await PublishedOutput.make({ [ROWS]: smallTable(10) });
    await using rig = await flightRig(output.location);
    const [info] = await rig.client.list();
    for (const secret of [null, "another-secret-0123456789-0123456789-0123456789"]) {
      using stranger = new FlightClient(rig.server.address, { path: "/none", secret });
      const calls = [
        stranger.list(),
        stranger.info("rows"),
        stranger.schema("rows"),
        stranger.read(info?.tickets[0] ?? new Uint8Array()),
      ];
      for (const call of calls) expect(await failureOf(call)).toMatchObject({ code: "SECRET_REFUSED" });
    }
  });

  test("refuses an unknown flight, with the flights that exist", async () => {
    await using output = await PublishedOutput.make({
      [ROWS]: smallTable(10),
      "_reduced/a.pq": smallTable(1),
    });
    await using rig = await flightRig(output.location);
    for (const path of [
      ["row"],
      ["reduced"],
      ["reduced", "b"],
      [],
      ["rows", "part-00000.parquet"],
      ["..", "rows"],
      ["errors"],
    ]) {
      const error = await failureOf(rig.client.info(...path));
      expect(error, path.join("/")).toMatchObject({
        code: "RESULT_NOT_FOUND",
        hint: "choose one of rows, reduced/a",
      });
    }
  });

  test("refuses tickets that it did not issue", async () => {
    await using output = await PublishedOutput.make({ [ROWS]: smallTable(10) });
    await using rig = await flightRig(output.location);
    const texts = [
      "",
      "rows",
      "[]",
      "{}",
      '{"path":["rows"],"start":0,"end":1,"digest":"0"}',
      "x".repeat(10_000),
    ];
    for (const text of texts) {
      expect(await failureOf(rig.client.read(Buffer.from(text))), text).toMatchObject({
        code: "RESULT_NOT_FOUND",
      });
    }
  });

  test("refuses old tickets and serves new ones after the output is replaced", async () => {
    await using output = await PublishedOutput.make({ [ROWS]: smallTable(10) });
    await using rig = await flightRig(output.location);
    const { tickets } = await rig.client.info("rows");
    await output.publish({ [ROWS]: smallTable(20) });
    const old = tickets[0] ?? new Uint8Array();
    expect(await failureOf(rig.client.read(old))).toMatchObject({ code: "RESULT_NOT_FOUND" });
    expect((await rig.client.readAll("rows")).numRows).toBe(20);
  });

  test("serves more streams than its limit when a client reads them one after another", async () => {
    const parts = Array.from({ length: 40 }, (_, part) => [
      `rows/part-${String(part).padStart(5, "0")}.arrow`,
      smallTable(part + 1),
    ]);
    await using output = await PublishedOutput.make(Object.fromEntries(parts));
    await using rig = await flightRig(output.location);
    const { tickets } = await rig.client.info("rows");
    const streams = tickets.map((ticket) => rig.client.messages(ticket));
    // All are requested at once. Each is read to its end before the next.
    const firsts = streams.map((stream) => stream.next());
    const counts: number[] = [];
    for (const [at, stream] of streams.entries()) {
      const { value } = (await firsts[at]) ?? {};
      const messages = value === undefined || value === null ? [] : [withLength(value.header), value.body];
      for await (const { header, body } of stream) messages.push(withLength(header), body);
      counts.push(tableFromIPC(Buffer.concat(messages)).numRows);
    }
    expect(counts).toEqual(Array.from({ length: 40 }, (_, part) => part + 1));
  });

  test("releases streams that a client stops reading in the middle", async () => {
    await using output = await PublishedOutput.make({
      "rows/part-00000.arrow": tableOf({ vector: embeddings(3_000, 384) }),
    });
    await using rig = await flightRig(output.location);
    const { tickets } = await rig.client.info("rows");
    const ticket = tickets[0] ?? new Uint8Array();
    // More streams than may be open.
    for (let left = 0; left < 20; left += 1) {
      for await (const { body } of rig.client.messages(ticket)) if (body.length > 0) break;
    }
    expect((await rig.client.read(ticket)).numRows).toBe(3_000);
  });

  test("ends the call with the reason when a published file was changed or removed", async () => {
    await using output = await PublishedOutput.make({ [ROWS]: smallTable(10) });
    await using rig = await flightRig(output.location);
    const { writeFile, rm } = await import("node:fs/promises");
    const { tickets } = await rig.client.info("rows");
    await writeFile(`${output.location}/${ROWS}`, "cut short");
    const ticket = tickets[0] ?? new Uint8Array();
    expect(await failureOf(rig.client.read(ticket))).toMatchObject({ code: "STORE_CHANGED" });
    await rm(`${output.location}/${ROWS}`);
    expect(await failureOf(rig.client.read(ticket))).toMatchObject({ code: "STORE_NOT_FOUND" });
  });
});
