import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, FixedSizeList, Float32, makeData, Schema, Table } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DataServer } from "../../coordinator/data/data-server.ts";
import { startServer } from "../../coordinator/grpc/server.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { workerSession } from "../../shared/domain/worker.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import { startLanes } from "../../worker/lanes/lane-set.ts";
import { sessionCell } from "../../worker/read/session-cell.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { FakeLane } from "../support/fake-lane.ts";
import { lcg, mlpModel, mlpReference } from "../support/onnx-model.ts";
import { aJob, anOutput, leaseOn } from "../support/shard-job.ts";
import { BAD_ROW, inputTable, ROWS } from "../support/shard-table.ts";
import { startShardThread } from "../support/shard-thread.ts";

let folder: string;
let partialsPath: string;
let scratchPath: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-shard-real-"));
  partialsPath = join(folder, "partials");
  scratchPath = join(folder, "scratch");
  await mkdir(partialsPath);
  await mkdir(scratchPath);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("with a real model in two lanes, every row gets its own results, in each job of the thread", async () => {
  const mlp = { inputs: 8, hidden: 16, outputs: 3, seed: 5 };
  const rows = 2_000;
  const random = lcg(9);
  const values = Float32Array.from({ length: rows * mlp.inputs }, () => random() - 0.5);
  const modelPath = join(folder, "mlp.onnx");
  const inputPath = join(folder, "floats.parquet");
  await writeFile(modelPath, mlpModel(mlp));
  await writeFile(inputPath, encodeParquet(floatTable(values, mlp.inputs)));
  const map: MapBinding = {
    inputs: [
      {
        tensor: "input",
        dtype: "float32",
        rowDims: [mlp.inputs],
        rowValues: mlp.inputs,
        source: { kind: "one", column: "input" },
        scale: 1,
        offset: 0,
        fill: null,
        rowShape: { kind: "even" },
        batchAxis: 0,
      },
    ],
    outputs: [anOutput({ column: "logits", tensor: "logits", rowDims: [3], rowValues: 3 })],
    keep: [],
    columns: ["input"],
    prepare: [],
    finish: [],
    fixedBatchRows: null,
  };
  await using lanes = await startLanes({ modelPath, device: "cpu", lanes: 2, threads: 1 }, NEVER);
  const job = aJob({ partialsPath, map, batchRows: "auto" });
  await using thread = await startShardThread({ job, lanePorts: lanes.connect(), scratchPath });
  const partials: PartialManifest[] = [];
  // The thread takes one job after another, as it does for the windows of a queue.
  for (const turn of [1, 2, 3]) {
    const partial = await thread.run(await leaseOn(inputPath), asExecutionId(`e${turn}`));
    expect(partial).toMatchObject({ rowsIn: rows, rowsOut: rows, rowsDeadLettered: 0 });
    const found = await readFloats(join(partialsPath, partialFolder(partial), "rows.parquet"), "logits");
    const expected = mlpReference(mlp, values, rows);
    expect(found).toHaveLength(expected.length);
    expect(Math.max(...found.map((value, at) => Math.abs(value - (expected[at] ?? 0))))).toBeLessThan(1e-5);
    partials.push(partial);
    await thread.reopen(lanes.connect());
  }
  expect(partials.map(({ files }) => files[0]?.rows)).toEqual([rows, rows, rows]);
});

test("a worker without file access reads and writes through the coordinator, with the same partial", async () => {
  const inputPath = join(folder, "in.parquet");
  await writeFile(inputPath, encodeParquet(inputTable(), { rowGroupRows: 300 }));
  const session = workerSession("s1");
  const deskJob = {
    stores: NO_STORES,
    inputPaths: new Set([parseLocation(inputPath)]),
    modelPaths: new Set<never>(),
    partialsPath: parseLocation(partialsPath),
    spoolPath: `${partialsPath}-spool`,
    checkUpload: () => {},
  };
  const data = new DataServer({
    knowsSession: (value) => value === session,
    job: (jobId) => (jobId === "job-1" ? deskJob : null),
  });
  const services = { data, work: {}, jobs: {}, workers: {} } as never;
  const server = await startServer({ listen: "127.0.0.1:0", services, guard: TEST_GUARD, log: silentLogger });
  const reduce = { n: { combine: "SELECT count(*) AS n FROM rows", final: "" } };
  const digests: string[] = [];
  try {
    const remote = {
      kind: "coordinator",
      address: server.address,
      credential: TEST_CREDENTIAL,
      session: sessionCell(session),
    } as const;
    for (const [index, access] of [remote, { kind: "shared" } as const].entries()) {
      using lane = new FakeLane();
      const job = aJob({ partialsPath, reduce });
      await using thread = await startShardThread({ job, lanePorts: [lane.port], scratchPath, access });
      const partial = await thread.run(await leaseOn(inputPath), asExecutionId(`remote${index}`));
      expect(partial).toMatchObject({ rowsIn: ROWS, rowsOut: ROWS - 1, firstDeadLetter: { row: BAD_ROW } });
      const stored = await readdir(join(partialsPath, partialFolder(partial)));
      expect(stored.sort()).toEqual(["combined-n.parquet", "errors.parquet", "rows.parquet"]);
      // The database of the reduction stays open in a folder of its own, without the shard's rows.
      const left = await readdir(scratchPath, { recursive: true, withFileTypes: true });
      expect(left.filter((entry) => !entry.isDirectory())).toEqual([]);
      digests.push(partial.digest);
    }
  } finally {
    await server.close(0);
  }
  expect(digests[0]).toBe(digests[1]);
});

function floatTable(values: Float32Array, width: number): Table {
  const type = new FixedSizeList(width, new Field("item", new Float32(), false));
  const child = makeData({ type: new Float32(), data: values });
  const input = makeData({ type, length: values.length / width, nullCount: 0, child });
  return new Table(new Schema([new Field("input", type, false)]), { input } as never);
}

async function readFloats(path: string, column: string): Promise<number[]> {
  await using store = createLocalStorage();
  const { bytes } = await store.stat(parseLocation(path), NEVER);
  using file = await openDatasetFile(byteSource(store, parseLocation(path), bytes), "parquet", NEVER);
  const values: number[] = [];
  for await (const batch of file.read({ rowStart: 0, rowEnd: file.rows, columns: [column], signal: NEVER })) {
    const child = batch.getChild(column)?.data[0]?.children[0];
    values.push(...(child?.values ?? []));
  }
  return values;
}
