import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { readJobFile } from "../../shared/job-file/read-job-file.ts";
import { makeCertificate } from "../support/certificate.ts";
import { aJobId } from "../support/ids.ts";
import { ask, startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";
import { serveRange, startWebServer, type WebServer } from "../support/web-server.ts";

/** A job whose input is on a web server with a signature or a password. Neither may be visible. */

const SECRETS = ["hunter2-signature", "hunter2-password", "hunter2-token"];
const SIGNED = "X-Amz-Credential=hunter2-token&X-Amz-Signature=hunter2-signature";

let server: WebServer;
let job: KnownJob;
beforeAll(async () => {
  const { key, cert } = await makeCertificate();
  job = await KnownJob.make({ rows: 9_000, files: 3 });
  const [signed, secret, open] = await Promise.all(
    ["0000", "0001", "0002"].map((name) => readFile(job.at("data", `part-${name}.parquet`))),
  );
  server = await startWebServer(
    {
      "/signed.parquet": (request, response) => {
        if (request.url?.endsWith(SIGNED)) serveRange(request, response, signed ?? Buffer.of());
        else response.writeHead(403).end();
      },
      "/secret.parquet": (request, response) => {
        const { authorization = "" } = request.headers;
        const user = Buffer.from(authorization.replace("Basic ", ""), "base64").toString();
        if (user === "me:hunter2-password") serveRange(request, response, secret ?? Buffer.of());
        else response.writeHead(401).end();
      },
      "/open.parquet": open ?? Buffer.of(),
    },
    { key, cert },
  );
  await job.write("ca.pem", cert);
});
afterAll(async () => {
  await Promise.all([job, server].map((each) => each[Symbol.asyncDispose]()));
});

const stores = () => ({ [server.url]: { ca: "./ca.pem" } });
const signed = () => `${server.url}/signed.parquet?${SIGNED}`;
const secret = () => `${server.url.replace("https://", "https://me:hunter2-password@")}/secret.parquet`;

/** Returns the files below a folder that contain a secret, except those that the user wrote. */
async function leaks(folder: string, except = ["job.yaml", "files.txt"]): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || except.includes(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path, "latin1").catch(() => "");
    if (SECRETS.some((each) => content.includes(each))) found.push(path);
  }
  return found;
}

test("a worker reads signed addresses itself, and no journal, log, status or output contains them", async () => {
  await job.write("files.txt", `# one a line\n${signed()}\n\n${secret()}\r\n  ${server.url}/open.parquet\n`);
  await job.writeSpec({ input: { path: "./files.txt" }, stores: stores() });
  const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "debug"];
  const { cli, address } = await startListening(job, args);
  await using coordinator = cli;
  // The plan is sealed, and its journal exists.
  const status = await ask(address, ({ jobs }) => jobs.getJob(aJobId(""), NEVER));
  expect(status.shardsTotal).toBeGreaterThan(0);
  const files = await readdir(join(job.folder, "job"), { recursive: true });
  expect(files.filter((name) => name.includes("journal")).length).toBeGreaterThan(0);
  expect(await leaks(job.folder, []), "the search finds the list of the user").toEqual([job.at("files.txt")]);
  expect(await leaks(job.folder)).toEqual([]);
  await using worker = startWorker(job, address, ["--data", "shared", "--log-level", "debug"]);
  const ends = await Promise.all([coordinator.ended, worker.ended]);
  expect(ends).toMatchObject([{ code: 0 }, { code: 0 }]);
  await expectRightAnswer(job);
  const said = `${JSON.stringify(status)}${ends.map(({ stdout, stderr }) => stdout + stderr).join()}`;
  expect(SECRETS.filter((each) => said.includes(each))).toEqual([]);
  expect(await leaks(job.folder)).toEqual([]);
  const manifest = await readFile(join(job.out, "_manifest.json"), "utf8");
  expect(manifest).not.toMatch(/hunter2/);
});

test("unreadable addresses are reported without their secrets, and a plan shows no secret", async () => {
  const wrong = signed().replace("hunter2-signature", "hunter2-password");
  const plan = async (path: readonly string[]) => {
    await job.writeSpec({ input: { path }, stores: stores() });
    const args = ["plan", job.path, ...WITHOUT_ESTIMATE, "--json"];
    return await runCli(args, { env: job.env, limitMs: 300_000 });
  };
  const refused = await plan([
    wrong,
    secret().replace("me:", "you:"),
    `${server.url}/none.parquet?token=hunter2-token`,
  ]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/signed\.parquet: cannot be read: .*403.*new signature/s);
  expect(refused.stderr).toMatch(/secret\.parquet.*401/);
  expect(refused.stderr).toMatch(/none\.parquet.*404/);
  const fine = await plan([signed(), secret()]);
  expect(fine).toMatchObject({ code: 0 });
  expect(fine.stdout).toContain("signed.parquet");
  for (const { stdout, stderr } of [refused, fine])
    expect(SECRETS.filter((each) => `${stdout}${stderr}`.includes(each))).toEqual([]);
});

test("submitted jobs cannot reach servers on the coordinator's machine without --allow-local-addresses", async () => {
  await job.writeSpec({ input: { path: `${server.url}/open.parquet` }, stores: stores() });
  const spec = await readJobFile(job.path, { set: [], env: {} });
  const submit = async (...options: readonly string[]) => {
    const args = ["coordinator", "--listen", "127.0.0.1:0", "--log-level", "warn", ...options];
    const { cli, address } = await startListening(job, args);
    await using _coordinator = cli;
    return await ask(address, ({ jobs }) => jobs.submitJob(spec, { fresh: true }, NEVER)).catch(
      (error: unknown) => error,
    );
  };
  expect(await submit()).toMatchObject({
    code: "INPUT_NOT_FOUND",
    hint: expect.stringContaining("--allow-local-addresses"),
  });
  expect(await submit("--allow-local-addresses")).toMatchObject({ job: { phase: "running" } });
});
