import { readdir, readFile } from "node:fs/promises";
import { expect } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { digestsOf } from "./job-processes.ts";
import { expectRightAnswer } from "./known-answer.ts";
import { KnownJob } from "./known-job.ts";
import { runCli } from "./processes.ts";

/** Makes a job whose input is also in `in/data` of a bucket, in files too large to be fetched whole. */
export async function makeJobInStore(storage: Storage, bucket: Location): Promise<KnownJob> {
  const job = await KnownJob.make({ rows: 12_000, files: 3 });
  for (const name of await readdir(job.at("data"))) {
    const bytes = await readFile(job.at("data", name));
    await storage.put(below(bucket, "in", "data", name), sourceOfBytes(bytes), { signal: NEVER });
  }
  return job;
}

/**
 * Runs a job of {@link makeJobInStore} over a folder, globs and a list. Expects the right answer, with the
 * same bytes as for files on a disk.
 */
export async function expectSameAsFromDisk(
  job: KnownJob,
  bucket: Location,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const args = ["run", job.path, "--workers", "1", "--fresh"];
  const data = ["part-0000", "part-0001", "part-0002"];
  const outputs: Record<string, string>[] = [];
  for (const path of [
    "./data",
    `${bucket}/in/data`,
    `${bucket}/in/`,
    `${bucket}/**/part-*.parquet`,
    data.map((name) => `${bucket}/in/data/${name}.parquet`),
  ]) {
    await job.writeSpec({ input: { path } });
    expect(await runCli(args, { env: { ...job.env, ...env }, limitMs: 100_000 })).toMatchObject({ code: 0 });
    await expectRightAnswer(job);
    // All published files except the manifest, which names the run.
    const { "_manifest.json": _manifest, ...files } = await digestsOf(job.out);
    outputs.push(files);
  }
  for (const output of outputs) expect(output).toEqual(outputs[0]);
}
