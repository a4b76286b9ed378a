import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { deferred } from "../../shared/core/abort.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { FakeLane } from "../support/fake-lane.ts";
import { aJob, type FakeModel, leaseOn } from "../support/shard-job.ts";
import { BAD_ROW, expectedRows, inputTable, ROWS } from "../support/shard-table.ts";
import { startShardThread } from "../support/shard-thread.ts";
import { serveRange, startWebServer } from "../support/web-server.ts";

let folder: string;
let inputPath: string;
let partialsPath: string;
let scratchPath: string;
const closing: (() => Promise<unknown> | undefined)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-shard-"));
  inputPath = join(folder, "in.parquet");
  await writeFile(inputPath, encodeParquet(inputTable(), { rowGroupRows: 300 }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  const own = await mkdtemp(join(folder, "test-"));
  partialsPath = join(own, "partials");
  scratchPath = join(own, "scratch");
  await mkdir(partialsPath);
  await mkdir(scratchPath);
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Starts a shard thread for one job, with a fake lane. Both end after the test. */
async function startThread(job: JobDescription, model: FakeModel = {}) {
  const lane = new FakeLane(model);
  const thread = await startShardThread({ job, lanePorts: [lane.port], scratchPath });
  closing.push(
    () => thread[Symbol.asyncDispose](),
    async () => lane[Symbol.dispose](),
  );
  return { ...thread, lane };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const pathOf = (partial: PartialManifest, name: string) => join(partialsPath, partialFolder(partial), name);

async function query(sql: string): Promise<Record<string, unknown>[]> {
  await using database = await openLockedDatabase({ folders: [folder], tempFolder: folder });
  return await database.rows(sql);
}

async function readRows(path: string) {
  const rows = await query(`SELECT * FROM read_parquet('${path}')`);
  return rows.map((row) => ({ ...row, id: Number(row.id) }));
}

test("two overlapping shards are read one after the other, and their rows do not mix", async () => {
  const gate = deferred<void>();
  const { run, waitFor, events } = await startThread(aJob({ partialsPath, batchRows: 600 }), {
    gate: gate.promise,
  });
  const first = run(await leaseOn(inputPath, { rowEnd: 500, sequence: 1 }));
  const second = run(await leaseOn(inputPath, { rowStart: 500, sequence: 2 }));
  await waitFor((event) => event.kind === "shardRead" && event.token.sequence === 2);
  expect(events.filter(({ kind }) => kind === "shardDone")).toEqual([]);
  gate.resolve();
  const partials = await Promise.all([first, second]);
  expect(partials.map(({ rowsOut }) => rowsOut)).toEqual([499, 500]);
  const [one, two] = partials;
  if (one === undefined || two === undefined) throw new Error("fewer than two partials");
  expect(await readRows(pathOf(one, "rows.parquet"))).toEqual(expectedRows(0, 500, [BAD_ROW]));
  expect(await readRows(pathOf(two, "rows.parquet"))).toEqual(expectedRows(500, ROWS, []));
});

test("a shard is read and mapped while the previous one is written", async () => {
  // Its SQL ends only when it is abandoned. Until then the first shard is being written.
  const endless = { n: { combine: "SELECT count(*) FROM rows, range(1000000000000)", final: "" } };
  const { begin, abandon, waitFor, events } = await startThread(aJob({ partialsPath, reduce: endless }));
  const leases = await Promise.all(
    [1, 2].map((sequence) => leaseOn(inputPath, { rowStart: 0, rowEnd: ROWS / 2, sequence })),
  );
  for (const lease of leases) begin(lease);
  const written = async () => (await readdir(partialsPath, { recursive: true })).map(String);
  while (!(await written()).some((name) => name.startsWith("1-") && name.endsWith("rows.parquet")))
    await settle();
  await waitFor((event) => event.kind === "shardRead" && event.token.sequence === 2);
  expect(events.filter(({ kind }) => kind === "shardDone" || kind === "shardFailed")).toEqual([]);
  for (const lease of leases) abandon(lease);
  for (const { token } of leases)
    await waitFor((event) => event.kind === "abandoned" && event.token.sequence === token.sequence);
  expect(await written()).toEqual([]);
});

test("at most two remote shards are fetched at once, and they are read in the order of their leases", async () => {
  const bytes = await readFile(inputPath);
  const slow = deferred<void>();
  await using web = await startWebServer({
    "/1.parquet": (request, response) => void slow.promise.then(() => serveRange(request, response, bytes)),
    "/2.parquet": bytes,
    "/3.parquet": bytes,
  });
  const { run, events } = await startThread(aJob({ partialsPath }));
  const here = await leaseOn(inputPath);
  const runs = [1, 2, 3].map((sequence) => {
    const path = parseLocation(`${web.url}/${sequence}.parquet`);
    const slices = here.slices.map((slice) => ({
      ...slice,
      file: { ...slice.file, path, version: `"${bytes.length}"` },
    }));
    return run({ ...here, slices, token: { ...here.token, sequence } });
  });
  const requested = () => new Set(web.requests.map((request) => request.split(" ")[1]));
  while (requested().size < 2) await settle();
  // The second shard is complete and waits for its turn. The third waits for its place.
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([...requested()].sort()).toEqual(["/1.parquet", "/2.parquet"]);
  expect(events.filter(({ kind }) => kind === "shardRead")).toEqual([]);
  slow.resolve();
  const partials = await Promise.all(runs);
  expect(partials.map(({ rowsOut }) => rowsOut)).toEqual([ROWS - 1, ROWS - 1, ROWS - 1]);
  const read = events.flatMap((event) => (event.kind === "shardRead" ? [event.token.sequence] : []));
  expect(read).toEqual([1, 2, 3]);
});

test("several threads that share the lanes make the same partials as one", async () => {
  const digests: string[] = [];
  for (const shardThreads of [1, 3]) {
    const lane = new FakeLane();
    const job = aJob({ partialsPath, batchRows: 64 });
    const thread = await startShardThread({ job, lanePorts: [lane.port], scratchPath, shardThreads });
    closing.push(
      () => thread[Symbol.asyncDispose](),
      async () => lane[Symbol.dispose](),
    );
    const leases = await Promise.all(
      [1, 2, 3, 4].map((sequence) =>
        leaseOn(inputPath, { rowStart: (sequence - 1) * 250, rowEnd: sequence * 250, sequence }),
      ),
    );
    const partials = await Promise.all(
      leases.map((lease) => thread.run(lease, asExecutionId(`t${shardThreads}`))),
    );
    digests.push(partials.map(({ digest }) => digest).join());
  }
  expect(digests[0]).toBe(digests[1]);
});

test("an abandoned shard leaves no file and no result, and the next shard runs", async () => {
  const gate = deferred<void>();
  const { begin, abandon, waitFor, run, events, lane } = await startThread(aJob({ partialsPath }), {
    gate: gate.promise,
  });
  const lease = await leaseOn(inputPath);
  begin(lease);
  await lane.reached;
  abandon(lease);
  await waitFor(({ kind }) => kind === "abandoned");
  gate.resolve();
  const next = await run(await leaseOn(inputPath, { sequence: 2 }));
  expect(next.rowsOut).toBe(ROWS - 1);
  expect(await readdir(partialsPath)).toEqual([partialFolder(next)]);
  expect(await readdir(scratchPath)).toEqual([]);
  const said = events.filter((event) => "token" in event && event.token.sequence === 1);
  const told = said.map(({ kind }) => kind).filter((kind) => kind !== "progress");
  expect(told).toEqual(["fileStarted", "abandoned"]);
});

test("a shard that is abandoned while it is written stops its SQL and removes its files", async () => {
  const endless = { n: { combine: "SELECT count(*) FROM rows, range(1000000000000)", final: "" } };
  const { begin, abandon, waitFor } = await startThread(aJob({ partialsPath, reduce: endless }));
  const lease = await leaseOn(inputPath);
  begin(lease);
  const written = () => readdir(partialsPath, { recursive: true });
  while (!(await written()).some((name) => name.endsWith("errors.parquet"))) await settle();
  abandon(lease);
  await waitFor(({ kind }) => kind === "abandoned");
  expect(await written()).toEqual([]);
  expect(await readdir(scratchPath)).toEqual([]);
});
