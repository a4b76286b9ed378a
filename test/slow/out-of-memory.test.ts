import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, FixedSizeList, Float32, makeData, Schema, Table } from "apache-arrow";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bindMap } from "../../coordinator/plan/bind/bind-map.ts";
import type { SmallMemory } from "../../fault/small-lane.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { digestFile } from "../../shared/core/digest.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { partialFolder } from "../../shared/domain/partial.ts";
import { workerSession } from "../../shared/domain/worker.ts";
import { createSession } from "../../shared/onnx/session.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { DeviceRunner } from "../../worker/job/device-runner.ts";
import { TuningFolder } from "../../worker/tuning/tuning-cache.ts";
import { TEST_CREDENTIAL } from "../support/access.ts";
import { lcg, mlpModel, mlpReference } from "../support/onnx-model.ts";
import { readRows } from "../support/read-rows.ts";
import { plainRows } from "../support/sample-table.ts";
import { aJob, leaseOn } from "../support/shard-job.ts";
import { idsTable, maskedMean, maskedMeanModel, unevenIds } from "../support/uneven-model.ts";

/** Real sessions in real lanes that fail above a size, as on a small device: see fault/small-lane.ts. */

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-oom-"));
  for (const name of ["partials", "scratch"]) await mkdir(join(folder, name));
  await writeFile(join(folder, "beacon"), "here");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Inputs = JobSpec["map"]["inputs"];

/** Describes a job over one file, as a coordinator would. */
async function describe(model: Uint8Array, table: Table, inputs: Inputs): Promise<JobDescription> {
  const modelPath = join(folder, "model.onnx");
  await writeFile(modelPath, model);
  await writeFile(join(folder, "in.parquet"), encodeParquet(table));
  await using session = await createSession(model, { device: "cpu", threads: 1 });
  const { signature } = session;
  const spec: JobSpec["map"] = {
    prepare: [],
    inputs,
    outputs: [],
    keep: [],
    finish: [],
    batch: { rows: "auto", tokens: "auto" },
  };
  const { sha256 } = await digestFile(modelPath, NEVER);
  return aJob({
    partialsPath: join(folder, "partials"),
    beacon: { path: parseLocation(join(folder, "beacon")), content: "here" },
    model: {
      path: parseLocation(modelPath),
      bytes: (await stat(modelPath)).size,
      sha256,
      externalData: [],
      signature,
    },
    map: bindMap(spec, signature, fieldsOf(table.schema)),
    batchRows: "auto",
  });
}

/**
 * Runs one worker. Returns its rows in order, and how many sizes it knew not to fit, at each time that it
 * learned.
 */
async function runOnce(
  job: JobDescription,
  memory: SmallMemory,
): Promise<{ rows: unknown[]; caps: number[] }> {
  const caps: number[] = [];
  const note = (line: string) => {
    const entry = JSON.parse(line);
    if (entry.msg === "batch size learned") caps.push(entry.caps);
  };
  executions += 1;
  const laneScript = compiledUrl("fault/small-lane.ts");
  await writeFile(`${job.model?.path}.memory.json`, JSON.stringify(memory));
  await using runner = new DeviceRunner({
    services: { work: { describeJob: async () => job }, data: {} } as never,
    address: "",
    credential: TEST_CREDENTIAL,
    device: "cpu",
    lanes: 2,
    threadsPerLane: 1,
    shardThreads: 1,
    cores: 2,
    access: "shared",
    laneScript,
    tuning: new TuningFolder(join(folder, "tuning"), Date.now),
    scratchPath: join(folder, "scratch"),
    log: pino({ level: "info" }, { write: note }),
    onBroken: (error) => {
      throw error;
    },
  });
  runner.useSession(workerSession("s1"));
  const lease = await leaseOn(join(folder, "in.parquet"), { sequence: executions });
  const { signal } = new AbortController();
  const partial = await runner.run(lease, asExecutionId(`e${executions}`), { signal, onProgress: () => {} });
  const path = join(job.partialsPath, partialFolder(partial), "rows.parquet");
  await using store = createLocalStorage();
  using file = await openDatasetFile(
    byteSource(store, parseLocation(path), (await stat(path)).size),
    "parquet",
    signal,
  );
  return { rows: plainRows(await readRows(file)), caps };
}
let executions = 0;

test("a batch that exceeds the memory is run in halves, and the next run does not try its size", async () => {
  const mlp = { inputs: 4, hidden: 8, outputs: 2, seed: 5 };
  const rows = 4_000;
  const random = lcg(9);
  const values = Float32Array.from({ length: rows * mlp.inputs }, () => random() - 0.5);
  const type = new FixedSizeList(mlp.inputs, new Field("item", new Float32(), false));
  const child = makeData({ type: new Float32(), data: values });
  const input = makeData({ type, length: rows, nullCount: 0, child });
  const table = new Table(new Schema([new Field("input", type, false)]), { input } as never);
  const job = await describe(mlpModel(mlp), table, { input: { scale: 1, offset: 0 } });
  const expected = mlpReference(mlp, values, rows);

  const first = await runOnce(job, { units: 100, isUneven: false });
  expect(first.rows).toHaveLength(rows);
  const far = first.rows.filter((row, at) => {
    const { logits } = row as { logits: number[] };
    return logits.some((value, index) => Math.abs(value - (expected[at * 2 + index] ?? 0)) > 1e-5);
  });
  expect(far).toEqual([]);
  expect(first.caps.length).toBeGreaterThan(0);
  expect(Math.max(...first.caps)).toBeGreaterThan(0);

  const second = await runOnce(job, { units: 100, isUneven: false });
  expect(second).toEqual({ rows: first.rows, caps: [] });
  // Sizes that fit are remembered, and not only fast ones. On a device that became smaller, they are searched
  // again.
  const third = await runOnce(job, { units: 10, isUneven: false });
  expect(third.rows).toEqual(first.rows);
  expect(third.caps.length).toBeGreaterThan(0);
});

test("after at most five runs over uneven rows, no batch exceeds the memory", async () => {
  const lists = unevenIds(3_000, 60);
  const job = await describe(maskedMeanModel(), idsTable(lists), {
    input_ids: { scale: 1, offset: 0, pad: 7 },
    attention_mask: { scale: 1, offset: 0, mask: "input_ids" },
  });
  const expected = lists.map((ids) => maskedMean(ids));
  const learned: number[] = [];
  while (learned.length < 5 && learned.at(-1) !== 0) {
    const { rows, caps } = await runOnce(job, { units: 20_000, isUneven: true });
    expect(rows).toEqual(expected);
    learned.push(caps.length);
  }
  expect(learned[0]).toBeGreaterThan(0);
  expect(learned.at(-1)).toBe(0);
});
