import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Dictionary, Int32, makeData, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { type FlightClient, flightRig } from "../support/flight/flight-client.ts";
import { PublishedOutput } from "../support/flight/published-output.ts";
import { only, plainRows, smallTable, tableOf } from "../support/sample-table.ts";

/** Record batches of Arrow files by Arrow Flight: unchanged, where possible. */

const PART = "rows/part-00000.arrow";

async function messagesOf(client: FlightClient) {
  const { tickets } = await client.info("rows");
  const messages: { header: Buffer; body: Buffer }[] = [];
  for await (const { header, body } of client.messages(tickets[0] ?? new Uint8Array()))
    messages.push({ header: Buffer.from(header), body: Buffer.from(body) });
  return messages;
}

test("small record batches are sent with the same bytes as in the file", async () => {
  const table = smallTable(1_000);
  await using output = await PublishedOutput.make({ [PART]: table }, { rows: 300, bytes: 1 << 20 });
  await using rig = await flightRig(output.location);
  const [, ...batches] = await messagesOf(rig.client);
  expect(batches).toHaveLength(4);
  const file = await readFile(join(output.location, PART));
  let at = 0;
  for (const { header, body } of batches) {
    const start = file.indexOf(Buffer.concat([header, body]), at);
    expect(start).toBeGreaterThan(at);
    at = start;
  }
  expect(plainRows(await rig.client.readAll("rows"))).toEqual(plainRows(table));
});

test("a record batch with many columns is sent unchanged, below the 4 MiB of Go and Rust clients", async () => {
  const columns = Array.from({ length: 10_000 }, (_, column) => {
    const data = Int32Array.from({ length: 80 }, (_, row) => column * row);
    return [`c${column}`, makeData({ type: new Int32(), data })] as const;
  });
  const wide = tableOf(Object.fromEntries(columns));
  await using output = await PublishedOutput.make({ [PART]: wide }, { rows: 80, bytes: 64 << 20 });
  await using rig = await flightRig(output.location);
  const [, batch, ...more] = await messagesOf(rig.client);
  expect(more).toEqual([]);
  const bytes = (batch?.header.length ?? 0) + (batch?.body.length ?? 0);
  // More than a newly made message has.
  expect(bytes).toBeGreaterThan(3 << 20);
  expect(bytes).toBeLessThan(4 << 20);
});

test("record batches that are too large for a client or need a dictionary are rewritten", async () => {
  const large = smallTable(200_000);
  await using output = await PublishedOutput.make({ [PART]: large }, { rows: 200_000, bytes: 64 << 20 });
  await using rig = await flightRig(output.location);
  const sizes = (await messagesOf(rig.client)).map(({ header, body }) => header.length + body.length);
  expect(Math.max(...sizes)).toBeLessThan(2 << 20);
  expect((await rig.client.readAll("rows")).numRows).toBe(200_000);

  const type = new Dictionary(new Utf8(), new Int32());
  const words = tableOf({ word: only(vectorFromArray(["a", "b", "a", null], type)) });
  await output.publish({ [PART]: words });
  const read = await rig.client.readAll("rows");
  expect(String(read.schema.fields[0]?.type)).toBe("Utf8");
  expect(plainRows(read)).toEqual([{ word: "a" }, { word: "b" }, { word: "a" }, { word: null }]);
});
