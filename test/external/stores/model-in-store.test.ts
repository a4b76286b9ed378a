import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { below, parseLocation } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { startAzureServer } from "../../support/azure-server.ts";
import { startGcsServer } from "../../support/gcs-server.ts";
import type { JobFolder } from "../../support/job-folder.ts";
import { needs } from "../../support/needs.ts";
import { WITHOUT_ESTIMATE } from "../../support/plan-options.ts";
import { runCli, startCli } from "../../support/processes.ts";
import { failing } from "../../support/refusals.ts";
import { startS3Server } from "../../support/s3-server.ts";
import { makeTextJob, putTextJob, rowsOf, writeTextJob } from "../../support/texts-in-store.ts";

/** Whole jobs with everything in a bucket: data, model, tokenizer, settings, and own code. */

interface Store extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  storage(): Storage;
}

const STORES = {
  "s3://bucket": async () => {
    const server = await startS3Server();
    await server.makeBucket("bucket");
    return server;
  },
  "gs://bucket": async () => {
    const server = await startGcsServer();
    await server.makeBucket("bucket");
    return server;
  },
  "az://container": async () => {
    const server = await startAzureServer();
    await server.makeContainer("container");
    return server;
  },
} satisfies Record<string, () => Promise<Store>>;

test("an emulator's endpoint in the job file suffices without environment variables", async () => {
  await using job = await makeTextJob();
  await using gcs = await STORES["gs://bucket"]();
  await using azure = await STORES["az://container"]();
  for (const [place, server, endpoint] of [
    ["gs://bucket", gcs, gcs.url],
    ["az://container", azure, String(azure.settings.endpoint)],
  ] as const) {
    await using storage = server.storage();
    await putTextJob(job, storage, parseLocation(place));
    const stores = { [place.replace(/[a-z]+$/, "")]: { endpoint } };
    await writeTextJob(job, place, { stores, output: { path: `./out-${place.slice(0, 2)}` } });
    const run = await runCli(["run", job.job, "--workers", "1"], { limitMs: 300_000 });
    expect(run, run.stderr).toMatchObject({ code: 0 });
  }
});

describe.each(Object.entries(STORES))("%s", (place, start) => {
  const bucket = parseLocation(place);
  let server: Store;
  let storage: Storage;
  let job: JobFolder;
  beforeAll(async () => {
    [server, job] = await Promise.all([start(), makeTextJob()]);
    storage = server.storage();
    await putTextJob(job, storage, bucket);
  });
  afterAll(async () => {
    await storage[Symbol.asyncDispose]();
    await Promise.all([job, server].map((each) => each[Symbol.asyncDispose]()));
  });
  const options = () => ({ env: server.env, limitMs: 300_000 });

  test("gives the same rows as the same files on a disk, as the same job", async () => {
    await writeTextJob(job, "./here");
    expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
    const here = await rowsOf(job);
    await writeTextJob(job, place, { input: { path: "./here/texts/texts.parquet" } });
    const known = await runCli(["run", job.job, "--workers", "1", "--json"], options());
    expect(known.code, "the job is already published").toBe(0);
    await writeTextJob(job, place);
    const plan = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE], options());
    expect(plan.stdout).toContain(`${place}/m/onnx/model.onnx (copied to `);
    expect(plan.stdout).toMatch(
      /^map\.inputs\.input_ids\.maxTokens +20 +tokenizer_config\.json: model_max_length$/m,
    );

    // A worker that reaches neither the store nor the coordinator's disk.
    const args = ["--listen", "127.0.0.1:0", "--fresh", "--log-level", "warn"];
    await using coordinator = startCli(["coordinator", job.job, ...args], options());
    const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
    const requested = ["--coordinator", address, "--device", "cpu", "--workers", "1"];
    const blind = ["--data", "coordinator", "--allow-modules"];
    await using worker = startCli(["worker", ...requested, ...blind], { limitMs: 300_000 });
    expect(await coordinator.ended).toMatchObject({ code: 0 });
    expect(await worker.ended).toMatchObject({ code: 0 });
    expect(await rowsOf(job)).toEqual(here);
  });

  needs("init", "try")("supports `init`, `try` and `run` by addresses alone", async () => {
    const cwd = job.path;
    const paths = ["--model", `${place}/m/`, "--input", `${place}/texts/*.parquet`];
    const init = await runCli(["init", ...paths, "-o", "made.yaml"], { cwd, ...options() });
    expect(init, init.stderr).toMatchObject({ code: 0 });
    const tried = await runCli(["try", "made.yaml", "--rows", "2", "--json"], { cwd, ...options() });
    expect(tried, tried.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(tried.stdout).rows).toHaveLength(2);
    const run = await runCli(["run", "made.yaml", "--workers", "1", "--set", "output.path=./made"], {
      cwd,
      ...options(),
    });
    expect(run, run.stderr).toMatchObject({ code: 0 });
  });

  test("makes another job when a file of its model changes", async () => {
    await writeTextJob(job, place);
    await storage.put(below(bucket, "m/tokenizer_config.json"), sourceOfBytes('{"model_max_length": 5}'), {
      signal: NEVER,
    });
    const { error } = await failing(["run", job.job, "--workers", "1"], options());
    expect(error).toMatchObject({ code: "OUTPUT_OCCUPIED" });
  });

  test.each([
    ["m/onnx/modal.onnx", { code: "MODEL_NOT_FOUND", hint: "did you mean `model.onnx`?" }],
    ["nothing", { code: "MODEL_NOT_FOUND", message: `there is no model at ${place}/nothing` }],
    ["texts", { code: "MODEL_NOT_FOUND", message: `there is no ONNX model in the folder ${place}/texts` }],
  ])("a missing model is reported with its address: %s", async (name, expected) => {
    await writeTextJob(job, place, { model: { path: `${place}/${name}` } });
    const { error } = await failing(["plan", job.job, ...WITHOUT_ESTIMATE], options());
    expect(error).toMatchObject(expected);
  });
});
