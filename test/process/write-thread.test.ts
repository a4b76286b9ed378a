import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Worker } from "node:worker_threads";
import { Bool, makeData } from "apache-arrow";
import { afterAll, beforeEach, expect, test } from "vitest";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { TextWriter } from "../../shared/sql/text-writer.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import type { ShardResult } from "../../worker/collect/collector.ts";
import { BusyMeter } from "../../worker/meter/busy-meter.ts";
import { Combiners } from "../../worker/write/combiners.ts";
import { openSink, type PartialSink } from "../../worker/write/partial-sink.ts";
import { writePartial } from "../../worker/write/write-partial.ts";
import { type WriteFacts, WriteThreadClient } from "../../worker/write/write-thread-client.ts";
import { rowCounts } from "../support/builders.ts";
import { embeddings, smallTable, tableOf } from "../support/sample-table.ts";
import { aJob } from "../support/shard-job.ts";

const root = await mkdtemp(join(tmpdir(), "shardmill-write-"));
afterAll(() => rm(root, { recursive: true, force: true }));

let partialsPath: string;
let scratchPath: string;
beforeEach(async () => {
  const own = await mkdtemp(join(root, "test-"));
  partialsPath = join(own, "partials");
  scratchPath = join(own, "scratch");
  await mkdir(partialsPath);
  await mkdir(scratchPath);
});

const ENDLESS = { n: { combine: "SELECT count(*) FROM rows, range(1000000000000)", final: "" } };

function aResult(rows: number): ShardResult {
  return { ...rowCounts(rows), rows: smallTable(rows), deadLetters: null, firstDeadLetter: null };
}

function facts(sequence: number, signal: AbortSignal = NEVER): WriteFacts {
  const shard = { id: shardId(sequence), file: 0, rowStart: 0, rowEnd: 1 };
  return {
    lease: { shard, token: { generation: 1, sequence } },
    executionId: asExecutionId(`e${sequence}`),
    signal,
  };
}

interface Changes {
  readonly script?: URL;
  readonly thread?: Worker;
  readonly meter?: BusyMeter;
  readonly reduce?: typeof ENDLESS;
}

function startWriter({ meter = new BusyMeter(() => 0), reduce = {} as never, ...changes }: Changes = {}) {
  const job = aJob({ partialsPath, reduce });
  return new WriteThreadClient({ job, output: { kind: "shared" }, scratchPath, meter, ...changes });
}

function sinkOf(folder: string): Promise<PartialSink> {
  return openSink({
    storage: createLocalStorage(),
    partials: parseLocation(partialsPath),
    folder,
    scratchPath,
  });
}

const written = () => readdir(partialsPath, { recursive: true });
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function expectWhole(partial: PartialManifest): Promise<void> {
  expect(partial.files.map(({ name, rows }) => [name, rows])).toEqual([["rows.parquet", partial.rowsOut]]);
  expect(await readdir(join(partialsPath, partialFolder(partial)))).toEqual(["rows.parquet"]);
}

test("concurrent writes run one after another, each completely, and their time is reported", async () => {
  const meter = new BusyMeter(() => 0);
  await using writer = startWriter({ meter });
  const partials = await Promise.all(
    [1, 2, 3].map((shard) => writer.write(aResult(shard * 10), facts(shard))),
  );
  expect(partials.map(({ rowsOut }) => rowsOut)).toEqual([10, 20, 30]);
  for (const partial of partials) await expectWhole(partial);
  expect(Object.keys(meter.takeBusyMs()).sort()).toEqual(["encode", "store"]);
  expect((await readdir(scratchPath)).filter((name) => name.startsWith("write-"))).toEqual([]);
});

test("the write thread makes the same files as a write without a thread", async () => {
  await using writer = startWriter();
  const partial = await writer.write(aResult(5_000), facts(1));
  const sink = await sinkOf("by-hand");
  const job = aJob({ partialsPath });
  const options = {
    job,
    sink,
    scratchPath,
    combiners: new Combiners(job, scratchPath),
    textWriter: new TextWriter("csv", scratchPath),
    meter: new BusyMeter(() => 0),
  };
  expect(await writePartial(aResult(5_000), { ...options, ...facts(1) })).toEqual(partial);
});

test("rows that are too many to sort in memory are refused, and leave no file", async () => {
  const job = aJob({ partialsPath, reduce: {} as never });
  const rowsForm = { ...job.rowsForm, sort: [{ column: "flag", order: "ascending" }] } as const;
  const rows = 9_000_000;
  const flag = makeData({ type: new Bool(), data: new Uint8Array(Math.ceil(rows / 8)), length: rows });
  await using combiners = new Combiners(job, scratchPath);
  const sink = await sinkOf("0-1-1-e1");
  const options = {
    job: { ...job, rowsForm },
    sink,
    scratchPath,
    combiners,
    textWriter: new TextWriter("csv", scratchPath),
    meter: new BusyMeter(() => 0),
  };
  const writing = writePartial({ ...aResult(0), rows: tableOf({ flag }) }, { ...options, ...facts(1) });
  await expect(writing).rejects.toMatchObject({
    code: "OUTPUT_FAILED",
    message: expect.stringContaining("sorting 9,000,000 rows at once"),
    hint: expect.stringContaining("input.shardRows"),
  });
  expect(await written()).toEqual([]);
});

test("a thread that ends during a write leaves no half partial, and the next write has a new thread", async () => {
  const died = join(root, "lost");
  const script = join(root, "dies-once.mjs");
  const whole = compiledUrl("worker/write/write-thread.ts").href;
  await writeFile(
    script,
    `import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parentPort } from "node:worker_threads";
let job;
if (existsSync(${JSON.stringify(died)})) await import(${JSON.stringify(whole)});
else parentPort.on("message", ({ method, argument }) => {
  if (method === "openJob") return void ({ job } = argument);
  const { lease: { shard, token }, executionId } = argument;
  const folder = join(job.partialsPath, \`\${shard.id}-\${token.generation}.\${token.sequence}-\${executionId}\`);
  mkdirSync(folder);
  writeFileSync(join(folder, "rows.parquet"), "half");
  writeFileSync(${JSON.stringify(died)}, folder);
  process.exit(7);
});`,
  );
  await using writer = startWriter({ script: pathToFileURL(script) });
  const both = await Promise.allSettled([1, 2].map((shard) => writer.write(aResult(10), facts(shard))));
  for (const end of both) {
    expect(end).toMatchObject({ status: "rejected", reason: { code: "INTERNAL" } });
    expect(String((end as PromiseRejectedResult).reason)).toContain("exit code 7");
  }
  expect((await readdir(root)).includes("lost")).toBe(true);
  expect([await written(), await readdir(scratchPath)]).toEqual([[], []]);
  await expectWhole(await writer.write(aResult(10), facts(3)));
});

test("a thread that its client leaves writes for the next job, and is replaced if it has ended", async () => {
  let thread: Worker | undefined;
  const seen = new Set<Worker | undefined>();
  for (const shard of [1, 2, 3]) {
    const writer = startWriter(thread === undefined ? {} : { thread });
    await expectWhole(await writer.write(aResult(10 * shard), facts(shard)));
    thread = await writer.leave();
    seen.add(thread);
    await expect(writer.write(aResult(10), facts(9))).rejects.toMatchObject({ code: "INTERRUPTED" });
  }
  expect(seen.size).toBe(1);
  if (thread === undefined) throw new Error("the thread was left");
  const last = startWriter({ thread });
  await thread.terminate();
  expect(await last.leave()).toBeUndefined();
  await using other = startWriter({ thread });
  await expectWhole(await other.write(aResult(10), facts(4)));
});

test("an aborted write stops if it is running, never starts if it is waiting, and leaves no file", async () => {
  await using writer = startWriter({ reduce: ENDLESS });
  const stops = [new AbortController(), new AbortController()] as const;
  const writes = stops.map(({ signal }, at) => writer.write(aResult(10), facts(at + 1, signal)));
  const ends = Promise.allSettled(writes);
  while (!(await written()).some((name) => name.endsWith("rows.parquet"))) await settle();
  stops[1].abort(new Error("lost"));
  await expect(writes[1]).rejects.toThrow("lost");
  expect((await written()).filter((name) => name.startsWith("2-"))).toEqual([]);
  stops[0].abort(new Error("lost"));
  expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect([await written(), await readdir(scratchPath)]).toEqual([[], []]);
});

test("closing during a DuckDB query ends the write with INTERRUPTED and leaves no file", async () => {
  const writer = startWriter({ reduce: ENDLESS });
  const write = writer.write(aResult(10), facts(1));
  const refused = expect(write).rejects.toMatchObject({ code: "INTERRUPTED" });
  while (!(await written()).some((name) => name.endsWith("rows.parquet"))) await settle();
  await sleep(200, NEVER);
  await writer[Symbol.asyncDispose]();
  await refused;
  expect([await written(), await readdir(scratchPath)]).toEqual([[], []]);
});

test("a write that is aborted between two pieces of a file leaves no file", async () => {
  const stop = new AbortController();
  let stored = 0;
  /** Aborts once the first piece of a file is stored. */
  class Aborting extends BusyMeter {
    override async timeAsync<T>(stage: "encode" | "store", work: () => Promise<T>): Promise<T> {
      const done = await super.timeAsync(stage, work);
      if (stage === "store") {
        stored += 1;
        stop.abort(new Error("lost"));
      }
      return done;
    }
  }
  const sink = await sinkOf("aborted");
  const job = aJob({ partialsPath });
  const options = {
    job,
    sink,
    scratchPath,
    combiners: new Combiners(job, scratchPath),
    textWriter: new TextWriter("csv", scratchPath),
    meter: new Aborting(() => 0),
  };
  // Enough floats for several row groups.
  const rows = tableOf({ e: embeddings(12_000, 1_024) });
  const writing = writePartial({ ...aResult(12_000), rows }, { ...options, ...facts(1, stop.signal) });
  await expect(writing).rejects.toThrow("lost");
  expect([stored, await written()]).toEqual([1, []]);
});
