import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { below, parseLocation } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { jobToBucketContract } from "../../contract/job-to-bucket-contract.ts";
import { download, workFolders } from "../../support/bucket-output.ts";
import { startS3Bucket } from "../../support/bucket-server.ts";
import { startListening, startWorker } from "../../support/job-processes.ts";
import { expectRightAnswer } from "../../support/known-answer.ts";
import { KnownJob } from "../../support/known-job.ts";
import { runCli } from "../../support/processes.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";

jobToBucketContract("S3", startS3Bucket);

describe("the rights in an S3 bucket", () => {
  let server: S3Server;
  let job: KnownJob;
  beforeAll(async () => {
    server = await startS3Server();
    await server.makeOwnedBucket("results");
    job = await KnownJob.make({ rows: 3_000 });
    await job.writeSpec({ output: { path: daily } });
  });
  afterAll(async () => {
    await Promise.all([job[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
  });

  const daily = parseLocation("s3://results/daily");
  const workFolder = async () => (await workFolders(join(job.folder, "state")))[0] ?? "";
  const env = () => ({ ...job.env, ...server.env, SHARDMILL_STATE: join(job.folder, "state") });

  test("a wrong secret is refused before any work, and is not shown", async () => {
    const wrong = { ...env(), AWS_SECRET_ACCESS_KEY: "hunter2hunter2" };
    const refused = await runCli(["run", job.path, "--workers", "1"], { env: wrong });
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain("SignatureDoesNotMatch");
    expect(refused.stderr).not.toContain("hunter2");
  });

  /** Returns the policies in the documentation: the coordinator's, and a worker's. */
  async function documentedStatements(): Promise<readonly (readonly object[])[]> {
    const page = await readFile(join(packageRoot, "docs", "job-file.md"), "utf8");
    const [, section = ""] = /## Output in a bucket\n(.*?)\n## /s.exec(page) ?? [];
    return [...section.matchAll(/```json\n(.*?)```/gs)].map(([, text = ""]) => JSON.parse(text).Statement);
  }

  test("the documented rights suffice for coordinator and worker, and a worker's permit nothing else", async () => {
    const [coordinatorRights = [], workerRights = []] = await documentedStatements();
    const [leader, helper] = [await server.addUser("leader"), await server.addUser("helper")];
    const granted = (rights: readonly object[], { accessKeyId }: typeof leader) =>
      rights.map((statement) => ({ ...statement, Principal: { AWS: [accessKeyId] } }));
    await server.allow("results", [...granted(coordinatorRights, leader), ...granted(workerRights, helper)]);
    const keysOf = ({ accessKeyId, secretAccessKey }: typeof leader) => ({
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    });
    const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn"];
    const { cli, address } = await startListening(job, args, { env: { ...env(), ...keysOf(leader) } });
    await using coordinator = cli;
    // Uploads of exited processes: in the job's own folders, in another run's, and in a neighbour's.
    const [run = ""] = (await readdir(await workFolder())).filter((name) => name.startsWith("run-"));
    const theirs = ["daily-neighbour/rows/part-0", "daily/_shardmill/run-another/partials/a", "daily/notes"];
    for (const key of [
      `daily/_shardmill/${run}/partials/0-a/rows.parquet`,
      "daily/rows/part-00000.parquet",
      ...theirs,
    ])
      await server.beginUpload("results", key);
    expect(await server.uploads("results")).toHaveLength(5);
    // The worker cannot fall back to the coordinator for files that it may not put.
    const workerEnv = { ...server.env, ...keysOf(helper) };
    await using worker = startWorker(job, address, ["--data", "shared"], { env: workerEnv });
    expect(await coordinator.ended).toMatchObject({ code: 0 });
    expect(await worker.ended).toMatchObject({ code: 0 });
    await using storage = server.storage();
    await download(storage, daily, job.out);
    await expectRightAnswer(job);
    expect(await server.uploads("results")).toEqual(theirs.sort());
    await using helpers = server.storage(helper);
    const refused = { code: "STORE_REFUSED" };
    const rows = below(daily, "rows", "part-00000.parquet");
    await expect(
      helpers.put(below(daily, "rows", "more"), sourceOfBytes("x"), { signal: NEVER }),
    ).rejects.toMatchObject(refused);
    await expect(helpers.read(rows, 0, 1, { signal: NEVER })).rejects.toMatchObject(refused);
    await expect(helpers.remove(rows, NEVER)).rejects.toMatchObject(refused);
  });
});
