import { readFile } from "node:fs/promises";
import { tableFromIPC } from "apache-arrow";
import { expect, test } from "vitest";
import { manifestRows } from "../support/builders.ts";
import { digestsOf, startCoordinator, startWorker } from "../support/job-processes.ts";
import {
  expectedLogits,
  expectNothingLeft,
  expectReductions,
  expectRightAnswer,
  query,
  readManifestOf,
} from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** The whole job, from the command to the published files. The answer does not depend on the workers. */

test("one, two or five workers, or workers that join a coordinator, publish the same bytes", async () => {
  await using job = await KnownJob.make({ rows: 3_000, files: 3 });
  const outputs: Record<string, string>[] = [];
  for (const workers of ["1", "2", "5"]) {
    const run = await runCli(["run", job.path, "--workers", workers, "--fresh", "--json"], job);
    expect(run).toMatchObject({ code: 0 });
    expect(JSON.parse(run.stdout)).toMatchObject({
      state: "published",
      rows: 3_000,
      deadLetters: 0,
      shards: 6,
    });
    await expectRightAnswer(job);
    outputs.push(await outputOf(job));
  }
  await using coordinator = (await startCoordinator(job, [job.path, "--fresh"])).cli;
  const [, address = ""] = await coordinator.saw(/coordinator on (\S+)/);
  await using first = startWorker(job, address);
  await using second = startWorker(job, address);
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await first.ended).toMatchObject({ code: 0 });
  expect(await second.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
  outputs.push(await outputOf(job));
  for (const output of outputs) expect(output).toEqual(outputs[0]);
});

/** Returns the digest of every published file except the manifest, which names the run. */
async function outputOf(job: KnownJob): Promise<Record<string, string>> {
  const { "_manifest.json": _manifest, ...files } = await digestsOf(job.out);
  expect(Object.keys(files)).toHaveLength(6 + 2);
  return files;
}

test("stacked columns in Parquet files and lists in Arrow files give the same rows", async () => {
  await using stacked = await KnownJob.make({ rows: 1_500, layout: "columns" });
  expect(await runCli(["run", stacked.path, "--workers", "1"], stacked)).toMatchObject({ code: 0 });
  await expectRightAnswer(stacked);
  await using arrow = await KnownJob.make({ rows: 1_500, format: "arrow" });
  expect(await runCli(["run", arrow.path, "--workers", "1"], arrow)).toMatchObject({ code: 0 });
  await expectRightAnswer(arrow);
  const rowsOf = ({ out }: KnownJob) =>
    query(`SELECT id, note, class, logits FROM read_parquet('${out}/rows/*.parquet') ORDER BY id`);
  const rows = await rowsOf(stacked);
  expect(rows).toHaveLength(1_500);
  expect(await rowsOf(arrow)).toEqual(rows);
});

test("reductions are the same with rows in Arrow files and without published rows", async () => {
  await using job = await KnownJob.make({ rows: 1_500 });
  expect(await runCli(["run", job.path, "--workers", "1", "--set", "output.rows=arrow"], job)).toMatchObject({
    code: 0,
  });
  const published = await arrowRows(job);
  expect(published.ids).toEqual([...job.known.ids]);
  expect(published.notes).toEqual(job.known.notes);
  const expected = await expectedLogits(job);
  expect(
    Math.max(...published.logits.map((value, index) => Math.abs(value - (expected[index] ?? 0)))),
  ).toBeLessThan(1e-5);
  await expectReductions(job, published);
  await expectNothingLeft(job);

  const none = ["run", job.path, "--workers", "1", "--fresh", "--set", "output.rows=none"];
  expect(await runCli(none, job)).toMatchObject({ code: 0 });
  const manifest = await readManifestOf(job);
  expect(manifest.files.map(({ kind }) => kind)).toEqual(["reduced", "reduced"]);
  expect(manifest.rows).toEqual(manifestRows(1_500));
  await expectReductions(job, published);
  await expectNothingLeft(job);
});

async function arrowRows(job: KnownJob) {
  const files = (await readManifestOf(job)).files.filter(({ kind }) => kind === "rows");
  expect(files.map(({ path }) => path)).toEqual(files.map((_, part) => `rows/part-0000${part}.arrow`));
  const tables = await Promise.all(
    files.map(async ({ path }) => tableFromIPC(await readFile(`${job.out}/${path}`))),
  );
  const column = (name: string): unknown[] => tables.flatMap((table) => [...(table.getChild(name) ?? [])]);
  return {
    ids: column("id") as bigint[],
    notes: column("note") as (string | null)[],
    classes: column("class") as number[],
    logits: column("logits").flatMap((cell) => [...(cell as Iterable<number>)]),
  };
}
