import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { makeCertificate } from "../support/certificate.ts";
import type { JobFolder } from "../support/job-folder.ts";
import { needs } from "../support/needs.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";
import { failing } from "../support/refusals.ts";
import { makeTextJob, rowsOf, writeTextJob } from "../support/texts-in-store.ts";
import { type Served, serveRange, startWebServer, type WebServer } from "../support/web-server.ts";

/** Jobs whose model is on a web server with its own certificate and without listings. */

const SECRET = "hunter2-signature";
/** Answers that do not even reveal a missing file. */
const forbidden: Served = (_, response) => void response.writeHead(403).end();

let job: JobFolder;
let server: WebServer;
let files: Map<string, Buffer>;
beforeAll(async () => {
  const { key, cert } = await makeCertificate();
  job = await makeTextJob();
  server = await startWebServer({}, { key, cert });
  await job.write("ca.pem", cert);
  files = new Map();
  for (const entry of await readdir(job.at("here"), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(job.at("here").length), await readFile(path));
  }
  await writeTextJob(job, "./here");
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
});
beforeEach(() => {
  server.served.clear();
  for (const [path, bytes] of files) server.served.set(path, bytes);
});
afterAll(async () => {
  await Promise.all([job, server].map((each) => each[Symbol.asyncDispose]()));
});

const stores = () => ({ [server.url]: { ca: "./ca.pem" } });

needs("text", "code")("a model folder on a web server gives the same rows as on a disk", async () => {
  const here = await rowsOf(job);
  for (const name of ["config.json", "preprocessor_config.json", "sentence_bert_config.json"])
    server.served.set(`/m/${name}`, forbidden);
  const model = { path: `${server.url}/m`, file: "onnx/model.onnx" };
  await writeTextJob(job, server.url, { model, stores: stores() });
  const run = await runCli(["run", job.job, "--workers", "1", "--fresh"]);
  expect(run, run.stderr).toMatchObject({ code: 0 });
  expect(await rowsOf(job)).toEqual(here);
});

needs("text", "code")(
  "a signed model address also fetches the external data, and its signature appears nowhere",
  async () => {
    const signed = (bytes: Buffer): Served => {
      return (request, response) => {
        if (request.url?.endsWith(`?sig=${SECRET}`)) serveRange(request, response, bytes);
        else response.writeHead(403).end();
      };
    };
    for (const [path, bytes] of files) server.served.set(path, signed(bytes));
    const at = (path: string) => `${server.url}${path}?sig=${SECRET}`;
    const outputs = { seen: "seen" };
    await writeTextJob(job, "./here", {
      model: { path: at("/m/onnx/model.onnx") },
      map: {
        inputs: { input_ids: { column: "body", tokenizer: at("/m/tokenizer.json") } },
        outputs,
        keep: ["id", "twice"],
        prepare: [{ module: at("/code/step.ts") }],
      },
      stores: stores(),
    });
    const plan = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE]);
    const run = await runCli(["run", job.job, "--workers", "1", "--fresh", "--json"]);
    expect(run, run.stderr).toMatchObject({ code: 0 });
    expect(plan.stdout).toContain(`${server.url}/m/onnx/model.onnx (copied to `);
    expect([plan.stdout, plan.stderr, run.stdout, run.stderr].join()).not.toContain(SECRET);
    expect(await leaks(job.path)).toEqual([job.job]);
    expect(await leaks(join(process.env.SHARDMILL_CACHE ?? "", "fetched"))).toEqual([]);

    server.served.set("/m/tokenizer.json", forbidden);
    const { error, stderr } = await failing(["plan", job.job, ...WITHOUT_ESTIMATE]);
    expect(error.problems).toMatchObject([
      {
        where: expect.stringContaining("input_ids.tokenizer"),
        hint: expect.stringContaining("run the job again with a new signature"),
      },
    ]);
    expect(stderr + JSON.stringify(error)).not.toContain(SECRET);
  },
);

/** Returns the files below a folder that contain the secret. */
async function leaks(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && (await readFile(path, "latin1")).includes(SECRET)) found.push(path);
  }
  return found;
}

test("a folder without a file's name, without a model or with a signature is refused with a hint", async () => {
  const refusal = async (model: Readonly<Record<string, string>>) => {
    await writeTextJob(job, "./here", { model, stores: stores() });
    return (await failing(["plan", job.job, ...WITHOUT_ESTIMATE])).error;
  };
  const path = `${server.url}/m`;
  expect(await refusal({ path })).toMatchObject({
    code: "MODEL_NOT_FOUND",
    hint: expect.stringContaining("`model.file`"),
  });
  expect(await refusal({ path, file: "model.onnx" })).toMatchObject({
    code: "MODEL_NOT_FOUND",
    message: `there is no model model.onnx in the folder ${path}`,
  });
  const error = await refusal({ path: `${path}?sig=${SECRET}`, file: "onnx/model.onnx" });
  expect(error).toMatchObject({
    code: "MODEL_INVALID",
    hint: expect.stringContaining("name the ONNX file itself"),
  });
  expect(JSON.stringify(error)).not.toContain(SECRET);
});
