import { join } from "node:path";
import { expect, test } from "vitest";
import { readJournal } from "../../coordinator/journal/journal.ts";
import { planJob } from "../../coordinator/plan/plan-job.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { FormatReaders, fetchIn, openInputFile } from "../../shared/dataset/open-input-file.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import { sampleSlices } from "../../shared/domain/sample-slices.ts";
import { readJobSource } from "../../shared/job-file/read-job-file.ts";
import { createSession } from "../../shared/onnx/session.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import { compareSample } from "../../worker/accuracy/compare-sample.ts";
import { ModelPair } from "../../worker/accuracy/model-pair.ts";
import type { JobFolder } from "../support/job-folder.ts";
import { factsOf, type JournalFacts, until } from "../support/job-processes.ts";
import { query } from "../support/known-answer.ts";
import { runCli, startCli } from "../support/processes.ts";
import { STAGES, type StagesRow, stagesJob } from "../support/stages-job.ts";

/** Jobs with several models. Python's onnxruntime ran both on each row, see `test/support/stages/make.py`. */

async function published(out: string, column: string): Promise<ReadonlyMap<number, readonly number[]>> {
  const rows = await query(
    `SELECT id, to_json(${column})::VARCHAR FROM read_parquet('${out}/rows/*.parquet') ORDER BY id`,
  );
  return new Map(rows.map(([id, values]) => [Number(id), JSON.parse(String(values))]));
}

function expectClose(found: ReadonlyMap<number, readonly number[]>, rows: readonly StagesRow[]): void {
  const mapped = rows.filter(({ logits }) => logits !== null);
  expect([...found.keys()]).toEqual(mapped.map(({ id }) => id));
  for (const { id, logits } of mapped)
    for (const [at, value] of (logits ?? []).entries())
      expect(Math.abs((found.get(id)?.[at] ?? Number.NaN) - value)).toBeLessThanOrEqual(1e-5);
}

test("two models give the numbers of Python, and rows that either fails on are dead letters", async () => {
  const { job, rows } = await stagesJob();
  await using _job = job;
  const ran = await runCli(["run", job.job, "--workers", "2", "--json"]);
  expect(ran.code, ran.stderr).toBe(3);
  const summary = JSON.parse(ran.stdout);
  const dead = rows.filter(({ logits }) => logits === null);
  expect(summary).toMatchObject({ state: "published", deadLetters: dead.length });
  expectClose(await published(job.out, "logits"), rows);
  const letters = await query(
    `SELECT row, stage, code, message FROM read_parquet('${job.out}/_errors/*.pq') ORDER BY row`,
  );
  expect(letters.map(([row]) => Number(row))).toEqual(dead.map(({ id }) => id));
  for (const [row, stage, code, message] of letters) {
    expect([stage, code]).toEqual(["infer", "ROW_FAILED"]);
    const isFirst = rows[Number(row)]?.embedding === null;
    expect(String(message).startsWith("stage encoder: "), String(message)).toBe(isFirst);
  }
});

test("steps between the stages filter rows and make several of one, and the counts are exact", async () => {
  const [encoder, classifier] = STAGES;
  const stages = [
    { ...encoder, finish: [{ sql: "SELECT id, kind, vector FROM rows WHERE id % 3 <> 0" }] },
    {
      ...classifier,
      prepare: [{ sql: "SELECT id, vector, kind, unnest([0, 1]) AS part FROM rows" }],
      keep: ["id", "part"],
    },
  ];
  const { job, rows } = await stagesJob({ stages });
  await using _job = job;
  const ran = await runCli(["run", job.job, "--workers", "1", "--json"]);
  expect(ran.code, ran.stderr).toBe(3);
  const isKept = ({ id, embedding }: StagesRow) => embedding !== null && id % 3 !== 0;
  const mapped = rows.filter((row) => isKept(row) && row.logits !== null);
  const dead = rows.filter((row) => row.embedding === null || (isKept(row) && row.logits === null));
  expect(JSON.parse(ran.stdout)).toMatchObject({
    deadLetters: dead.length,
    ...{ rowsFiltered: 300 - mapped.length - dead.length, rowsOut: 2 * mapped.length },
  });
  const found = await query(`SELECT id, part FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY ALL`);
  expect(found.map((each) => each.map(Number))).toEqual(
    mapped.flatMap(({ id }) => [
      [id, 0],
      [id, 1],
    ]),
  );
});

test("a plan shows each stage, and reports the problems of all stages by their keys", async () => {
  const { job } = await stagesJob();
  await using _job = job;
  const shown = await runCli(["plan", job.job]);
  expect(shown.stdout).toMatch(/stage encoder +.*encoder\.onnx/);
  expect(shown.stdout).toMatch(/map\.stages\[0\]\.model +ids +vector/);
  const [encoder, classifier] = STAGES;
  await job.writeJob({
    ...{ input: { path: "./in.parquet" }, model: undefined, reduce: {} },
    map: {
      stages: [
        { ...encoder, inputs: { ids: "logits", mask: { mask: "ids" } }, keep: ["kind", "nothing"] },
        classifier,
      ],
    },
  });
  const refused = await runCli(["plan", job.job]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("map.stages[0].inputs.ids");
  expect(refused.stderr).toContain("map.stages[1] makes it, which is a later stage");
  expect(refused.stderr).toContain("map.stages[0].keep[1]");
  await job.writeJob({
    ...{ input: { path: "./in.parquet" }, model: { path: "./encoder.onnx" }, reduce: {} },
    map: {
      keep: ["id"],
      stages: [
        { ...encoder, name: "one", keep: ["vector"], model: { path: "./encoder.onnx", device: "cuda" } },
        { ...classifier, name: "one" },
      ],
    },
  });
  const wrong = await runCli(["plan", job.job]);
  for (const key of [
    "model",
    "map.keep",
    "map.stages[0].outputs",
    "map.stages[1].name",
    "map.stages[1].model",
  ])
    expect(wrong.stderr).toContain(key);
});

test("a killed run with stages resumes, and publishes each row exactly once", async () => {
  const slow =
    "SELECT id, kind, vector, list_sum(list_transform(range(300000 + id % 2), x -> x % 7)) AS n FROM rows";
  const [encoder, classifier] = STAGES;
  const stages = [
    { ...encoder, finish: [{ sql: slow }] },
    { ...classifier, keep: ["id", "n"] },
  ];
  const { job, rows } = await stagesJob({ stages }, { input: { path: "./in.parquet", shardRows: 16 } });
  await using _job = job;
  const run = ["run", job.job, "--workers", "1"];
  await using killed = startCli(run);
  await until("2 commits", async () => ((await facts(job))?.committed.length ?? 0) >= 2 || null);
  killed.kill("SIGKILL");
  await killed.ended;
  const before = await facts(job);
  expect(before?.committed.length).toBeLessThan(before?.shards ?? 0);
  const resumed = await runCli(run);
  expect(resumed.code, resumed.stderr).toBe(3);
  expect(resumed.stderr).toContain(`resumes after an interruption: ${before?.committed.length} of`);
  const found = await query(`SELECT id FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY id`);
  const mapped = rows.filter(({ logits }) => logits !== null).map(({ id }) => id);
  expect(found.map(([id]) => Number(id))).toEqual(mapped);
});

async function facts({ out }: JobFolder): Promise<JournalFacts | null> {
  const read = await readJournal(join(out, "_shardmill", "journal")).catch(() => null);
  return read === null ? null : factsOf(read.records);
}

test("`try` shows a row in each stage, and a dead letter of the first one", async () => {
  const { job, rows } = await stagesJob();
  await using _job = job;
  const shown = await runCli(["try", job.job, "--row", "0", "--json"]);
  expect(shown.code, shown.stderr).toBe(0);
  const [row] = JSON.parse(shown.stdout).rows;
  expect(row.prepare.map(({ where }: { where: string }) => where)).toEqual(["map.stages[0].model"]);
  expect(row.runs).toHaveLength(1);
  expect(row.fate.kind).toBe("published");
  const bad = rows.find(({ embedding }) => embedding === null)?.id;
  const dead = await runCli(["try", job.job, "--row", String(bad), "--json"]);
  expect(dead.code, dead.stderr).toBe(3);
  const [{ fate }] = JSON.parse(dead.stdout).rows;
  expect(fate).toMatchObject({ kind: "deadLetter", stage: "infer", code: "ROW_FAILED" });
});

test("the estimate of a plan runs all stages", async () => {
  const { job } = await stagesJob();
  await using _job = job;
  const ran = await runCli(["plan", job.job, "--json"]);
  expect(ran.code, ran.stderr).toBe(0);
  expect(JSON.parse(ran.stdout).estimate).toMatchObject({ failedRows: { rows: expect.any(Number) } });
});

test("the last model is compared on the rows that the first one makes on the CPU", async () => {
  const { job, rows } = await stagesJob();
  await using _job = job;
  const { spec } = await readJobSource(job.job, { set: [], env: {} });
  const planned = await planJob(spec, { signal: NEVER });
  await using own = await createSession(job.at("classifier.onnx"), { device: "cpu", threads: 1 });
  await using other = await createSession(job.at("classifier.onnx"), { device: "cpu", threads: 1 });
  const pair = new ModelPair(
    (feeds, outputs) => own.run(feeds, outputs),
    (feeds, outputs) => other.run(feeds, outputs),
    planned.map,
  );
  const stages = planned.stages.map(({ name, map, model }) => ({ name, map, modelPath: model.path }));
  const sample = { map: planned.map, stores: planned.stores, stages, slices: sampleSlices(planned, 300) };
  await using storages = new Storages({}, planned.stores);
  await using readers = new FormatReaders();
  const open = async (file: InputFile) =>
    openInputFile(byteSource(await storages.at(file.path), file.path, file.bytes), file, {
      ...{ readers, fetch: fetchIn(storages), signal: NEVER },
    });
  const compared = await compareSample(pair, { ...sample, open, tolerance: 0, limitMs: 60_000 }, () => 0);
  expect(compared).toMatchObject({ rows: rows.filter(({ logits }) => logits !== null).length });
  expect(compared.outputs).toMatchObject([{ tensor: "logits", maxError: 0 }]);
});
