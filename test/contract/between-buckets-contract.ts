import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { prepareWorkload } from "../../bench/workloads/workload.ts";
import type { BucketServer } from "../support/bucket-server.ts";
import { compareOutputs } from "../support/compare-outputs.ts";
import type { JobFolder } from "../support/job-folder.ts";
import { digitsJob, type MovableJob, runInBucket, runOnDisk, workloadJob } from "../support/moved-job.ts";
import { makeTextJob, movableTextJob } from "../support/texts-in-store.ts";

/** Number of flights. `npm run bench -- between-buckets` moves three million. */
const FLIGHTS = 30_000;
const NAMES = ["digits", "flights", "texts"] as const;

/**
 * Whole jobs that read from a bucket and publish to it. Their rows equal those of the same jobs on a disk.
 */
export function betweenBucketsContract(servers: Readonly<Record<string, () => Promise<BucketServer>>>): void {
  let folder: string;
  let texts: JobFolder;
  const jobs = new Map<string, MovableJob>();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "shardmill-buckets-"));
    texts = await makeTextJob();
    const flights = await prepareWorkload("flights", { rows: FLIGHTS, folder });
    for (const job of [digitsJob, workloadJob(flights), movableTextJob(texts)]) jobs.set(job.name, job);
    for (const name of NAMES) await runOnDisk(jobOf(name), join(folder, "disk", name));
  });
  afterAll(async () => {
    await texts[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  const jobOf = (name: string): MovableJob => {
    const job = jobs.get(name);
    if (job === undefined) throw new Error(`there is no job ${name}`);
    return job;
  };

  describe.each(Object.entries(servers))("a job from bucket to bucket on %s", (store, start) => {
    let server: BucketServer;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server[Symbol.asyncDispose]());

    test.each(NAMES)(
      "the job %s gives the same rows as on a disk, in all columns",
      async (name) => {
        const out = join(folder, store, name, "out");
        await runInBucket(jobOf(name), server, { out, scratch: join(folder, store, name, "scratch") });
        const { rows, differences } = await compareOutputs(join(folder, "disk", name), out);
        expect(differences).toEqual([]);
        expect(rows).toBeGreaterThan(10);
      },
      300_000,
    );
  });
}
