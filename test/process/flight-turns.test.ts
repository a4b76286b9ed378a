import { copyFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Field, FixedSizeList, Float32, makeData, type Table, tableFromIPC } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { FlightTurns } from "../../extensions/flight/turns.ts";
import { deferred } from "../../shared/core/abort.ts";
import { withLength } from "../../shared/dataset/ipc-messages.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { MANIFEST_NAME } from "../../shared/domain/manifest.ts";
import { FlightClient, flightRig, type ReceivedMessage } from "../support/flight/flight-client.ts";
import { PublishedOutput } from "../support/flight/published-output.ts";
import { tableOf } from "../support/sample-table.ts";
import { failureOf } from "../support/wire-rig.ts";

const ROWS = "rows/part-00000.arrow";
const VALUES = 384;
const ALL_ROWS = 4_000;

/** 6 MB in 40 batches: much more than a connection buffers. */
const BATCHES = { rows: 100, bytes: 64 << 20 };

/** Returns a table whose file size does not depend on the value. */
function rowsOf(value: number): Table {
  const child = makeData({
    type: new Float32(),
    data: new Float32Array(ALL_ROWS * VALUES).fill(value),
  });
  const type = new FixedSizeList(VALUES, new Field("item", new Float32(), true));
  return tableOf({ vector: makeData({ type, length: ALL_ROWS, nullCount: 0, child } as never) });
}

type Stream = AsyncGenerator<ReceivedMessage, void, undefined>;

/** Reads the schema and the first rows, and pauses. */
async function begin(stream: Stream): Promise<ReceivedMessage[]> {
  const first: ReceivedMessage[] = [];
  while (first.length < 2) {
    const { value } = await stream.next();
    if (value === undefined) throw new Error("the stream ended before its first rows");
    first.push(value);
  }
  return first;
}

/** Reads the rest of a stream, and returns its rows and its failure. */
async function readRest(stream: Stream, first: readonly ReceivedMessage[]) {
  const messages = [...first];
  const failure = await (async () => {
    for await (const message of stream) messages.push(message);
    return null;
  })().catch((error: unknown) => error);
  const bytes = Buffer.concat(messages.flatMap(({ header, body }) => [withLength(header), body]));
  const table = tableFromIPC(bytes);
  const values = table.batches.map(({ data }) => data.children[0]?.children[0]?.values as Float32Array);
  return { failure, rows: table.numRows, values: new Set(values.flatMap((some) => [...some])) };
}

async function ticketOf(client: FlightClient): Promise<Uint8Array> {
  const { tickets } = await client.info("rows");
  return tickets[0] ?? new Uint8Array();
}

describe("an output that is replaced by one of the same size", () => {
  test("makes the ticket invalid for a stream that waits for its turn", async () => {
    await using output = await PublishedOutput.make({ [ROWS]: rowsOf(1) }, BATCHES);
    await using other = await PublishedOutput.make({ [ROWS]: rowsOf(2) }, BATCHES);
    await using rig = await flightRig(output.location, { streams: 1 });
    const ticket = await ticketOf(rig.client);
    const ahead = rig.client.messages(ticket);
    await begin(ahead);
    const waiting = failureOf(rig.client.read(ticket));
    // Calls on the same connection: once these are answered, the first call has reached the server.
    await rig.client.schema("rows");
    await rig.client.schema("rows");
    // The manifest first, so that later calls see another output.
    for (const name of [MANIFEST_NAME, ROWS])
      await copyFile(`${other.location}/${name}`, `${output.location}/${name}`);
    await ahead.return();
    expect(await waiting).toMatchObject({ code: "RESULT_NOT_FOUND" });
  });

  test("ends an open stream, and no row of the new file is sent", async () => {
    await using output = await PublishedOutput.make({ [ROWS]: rowsOf(1) }, BATCHES);
    await using rig = await flightRig(output.location);
    await using other = await PublishedOutput.make({ [ROWS]: rowsOf(2) }, BATCHES);
    const stream = rig.client.messages(await ticketOf(rig.client));
    const first = await begin(stream);
    await copyFile(`${other.location}/${ROWS}`, `${output.location}/${ROWS}`);
    const rest = await readRest(stream, first);
    expect(rest.failure).toMatchObject({ code: "STORE_CHANGED" });
    expect(rest.rows).toBeLessThan(ALL_ROWS);
    expect([...rest.values]).toEqual([1]);
  });

  test("is also detected by its manifest before the stream ends", async () => {
    await using output = await PublishedOutput.make({ [ROWS]: rowsOf(1) }, BATCHES);
    await using rig = await flightRig(output.location);
    await using other = await PublishedOutput.make({ [ROWS]: rowsOf(2) }, BATCHES);
    const stream = rig.client.messages(await ticketOf(rig.client));
    const first = await begin(stream);
    // As if the file had been replaced before it was opened: only the manifest differs.
    await copyFile(`${other.location}/${MANIFEST_NAME}`, `${output.location}/${MANIFEST_NAME}`);
    const rest = await readRest(stream, first);
    expect(rest.failure).toMatchObject({ code: "STORE_CHANGED" });
    expect([rest.rows, [...rest.values]]).toEqual([ALL_ROWS, [1]]);
  });
});

test("an identity has at most eight streams over all connections, with less time when it requests more", async () => {
  const turns = new FlightTurns();
  const { signal } = new AbortController();
  const who = (name: string, port: number) => ({ name, peer: `10.0.0.1:${port}`, role: "read" }) as const;
  const take = (name: string, port: number) => turns.takeStream(who(name, port), signal);
  const taken = await Promise.all(
    Array.from({ length: 8 }, (_, index) => take("token 1 (a)", Math.floor(index / 4))),
  );
  const patient = turns.mostMs(who("token 1 (a)", 0));
  let more = 0;
  const ninth = take("token 1 (a)", 2).then((release) => {
    more += 1;
    return release;
  });
  const others = await Promise.all(Array.from({ length: 4 }, () => take("token 2 (b)", 3)));
  expect([more, turns.mostMs(who("token 1 (a)", 0)) < patient]).toEqual([0, true]);
  expect(turns.mostMs(who("token 2 (b)", 3))).toBe(patient);
  taken[0]?.();
  for (const release of [await ninth, ...taken.slice(1), ...others]) release();
});

describe("a client that opens streams and does not read them", () => {
  test("leaves turns to other clients", async () => {
    await using output = await PublishedOutput.make({ [ROWS]: rowsOf(1) }, BATCHES);
    await using rig = await flightRig(output.location);
    const ticket = await ticketOf(rig.client);
    const idle = Array.from({ length: 20 }, () => rig.client.messages(ticket));
    await Promise.race(idle.map((stream) => begin(stream)));
    using other = new FlightClient(rig.server.address);
    expect((await other.read(ticket)).numRows).toBe(ALL_ROWS);
  });

  test("loses unread streams only when other streams wait for their turn", async () => {
    await using output = await PublishedOutput.make({ [ROWS]: rowsOf(1) }, BATCHES);
    await using rig = await flightRig(output.location, { streamsOfOne: 2, wantedMs: 200 });
    const ticket = await ticketOf(rig.client);
    const [kept, lost, last] = [0, 1, 2].map(() => rig.client.messages(ticket)) as [Stream, Stream, Stream];
    const keptFirst = await begin(kept);
    // Five times the limit for a stream while others wait.
    await sleep(1_000);
    expect(await readRest(kept, keptFirst)).toMatchObject({ failure: null, rows: ALL_ROWS });
    const lostFirst = await begin(lost);
    const idle = rig.client.messages(ticket);
    await begin(idle);
    // The stream that was opened last is read first.
    expect(await readRest(last, [])).toMatchObject({ failure: null, rows: ALL_ROWS });
    expect((await readRest(lost, lostFirst)).failure).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  });
});

test("calls that open files for their metadata have a limit of calls at once", async () => {
  await using output = await PublishedOutput.make({ [ROWS]: rowsOf(1) }, BATCHES);
  const gate = deferred<void>();
  const reached = deferred<void>();
  const seen = { now: 0, most: 0 };
  const job = { jobId: null, output: output.location, stores: NO_STORES, isPublished: true, combined: [] };
  const owner = {
    async jobs() {
      seen.now += 1;
      seen.most = Math.max(seen.most, seen.now);
      if (seen.now === 3) reached.resolve();
      await gate.promise;
      seen.now -= 1;
      return [job];
    },
    combined: async () => [],
  };
  await using rig = await flightRig(owner, { looks: 3 });
  const calls = Array.from({ length: 12 }, (_, at) => {
    if (at % 3 === 0) return rig.client.list();
    return at % 3 === 1 ? rig.client.info("rows") : rig.client.schema("rows");
  });
  await reached.promise;
  await sleep(200);
  expect(seen.most).toBe(3);
  gate.resolve();
  await Promise.all(calls);
  expect(seen.most).toBe(3);
});
