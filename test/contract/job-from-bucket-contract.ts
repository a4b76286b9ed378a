import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { below } from "../../shared/domain/location.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { readRowFile } from "../../shared/storage/row-file.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { BucketServer } from "../support/bucket-server.ts";
import { expectSameAsFromDisk, makeJobInStore } from "../support/job-in-store.ts";
import { startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import type { KnownJob } from "../support/known-job.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";

type Environment = Readonly<Record<string, string>>;

/**
 * Runs whole jobs whose input is in a bucket of a real server.
 *
 * @param lost environments in which a worker cannot reach the server, besides the usual one
 */
export function jobFromBucketContract(
  name: string,
  start: () => Promise<BucketServer>,
  lost: Readonly<Record<string, Environment>> = {},
): void {
  describe(`a job whose input is in ${name}`, () => {
    let server: BucketServer;
    let storage: Storage;
    let job: KnownJob;
    beforeAll(async () => {
      server = await start();
      storage = server.storage();
      job = await makeJobInStore(storage, server.bucket);
    });
    afterAll(async () => {
      await storage[Symbol.asyncDispose]();
      await Promise.all([job[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
    });

    test("a folder, a glob and a list of objects give the same output as files on a disk", async () => {
      await expectSameAsFromDisk(job, server.bucket, server.env);
    }, 480_000);

    test.each(["settings that reach no store", ...Object.keys(lost)])(
      "a worker with %s reads through the coordinator",
      async (what) => {
        await job.writeSpec({ input: { path: below(server.bucket, "in", "data") } });
        const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn", "--fresh"];
        const { cli, address } = await startListening(job, args, { env: { ...job.env, ...server.env } });
        await using coordinator = cli;
        await using worker = startWorker(job, address, [], {
          env: { ...server.env, ...(lost[what] ?? server.nowhere) },
        });
        expect(await coordinator.ended).toMatchObject({ code: 0 });
        expect(await worker.ended).toMatchObject({ code: 0 });
        await expectRightAnswer(job);
      },
      300_000,
    );

    test("missing input fails with INPUT_NOT_FOUND while planning", async () => {
      for (const [path, what] of [
        [below(server.bucket, "in", "none.parquet"), /there is no such file or folder/],
        [`${below(server.bucket, "in", "data")}/*.arrow`, /no file matches in .*in\/data/],
        [below(server.noBucket, "data"), /there is no such file or folder/],
      ] as const) {
        await job.writeSpec({ input: { path } });
        const { code, stderr } = await runCli(["plan", job.path, ...WITHOUT_ESTIMATE], {
          env: { ...job.env, ...server.env },
        });
        expect(code).toBe(2);
        expect(stderr).toMatch(what);
        expect(stderr).toContain("INPUT_NOT_FOUND");
      }
    });

    test("a file named in a row is read from its bucket, by its address or by its name", async () => {
      const folder = below(server.bucket, "photos");
      await storage.put(below(folder, "a b.jpg"), sourceOfBytes("pixels"), { signal: NEVER });
      const open = async () => server.storage();
      await using storages = new Storages({ s3: open, gs: open, az: open });
      const { signal } = new AbortController();
      for (const file of [`${folder}/a b.jpg`, "a b.jpg"]) {
        const found = await readRowFile(storages, file, { folder, maxBytes: 100, signal });
        expect(found).toEqual({ kind: "bytes", bytes: new Uint8Array(Buffer.from("pixels")) });
      }
    });
  });
}
