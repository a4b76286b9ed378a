import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CertificateFiles } from "../../shared/access/tls-files.ts";
import { TestCa } from "../support/certificates.ts";
import { startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** Whole jobs by mutual TLS, and the errors of commands that lack a part of it. */

let folder: string;
let ca: TestCa;
let server: CertificateFiles;
let client: CertificateFiles;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-tls-job-"));
  ca = await TestCa.make(folder);
  server = await ca.sign({ name: "server" });
  client = await ca.sign({ name: "client" });
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const shown = ({ cert, key }: CertificateFiles) => ["--tls-cert", cert, "--tls-key", key];

test("a worker without file access does its job over mutual TLS, and commands use it, too", async () => {
  await using job = await KnownJob.make({
    rows: 800,
    rowGroupRows: 100,
    spec: { input: { shardRows: 100 } },
  });
  const listen = ["--listen", "127.0.0.1:0", ...shown(server), "--tls-client-ca", ca.path];
  const { cli, address } = await startListening(job, ["coordinator", job.path, ...listen]);
  await using coordinator = cli;
  const requested = ["workers", "--coordinator", address];
  expect(await runCli(requested, job)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/speaks TLS only[\s\S]*CERTIFICATE_REFUSED[\s\S]*--tls-ca/),
  });
  expect(await runCli([...requested, "--tls-ca", ca.path], job)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/has none[\s\S]*CERTIFICATE_REFUSED/),
  });
  expect(await runCli([...requested, ...shown(client)], job)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--tls-cert needs --tls-ca"),
  });
  const named = ["--tls-ca", ca.path, ...shown(client)];
  expect(await runCli([...requested, ...named], job)).toMatchObject({ code: 0, stderr: "" });
  const variables = {
    SHARDMILL_TLS_CA: ca.path,
    SHARDMILL_TLS_CERT: client.cert,
    SHARDMILL_TLS_KEY: client.key,
  };
  expect(await runCli(requested, { env: { ...job.env, ...variables } })).toMatchObject({
    code: 0,
    stderr: "",
  });
  await using worker = startWorker(job, address, ["--data", "coordinator", ...named]);
  expect(await worker.ended).toMatchObject({ code: 0 });
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
});

test("a worker with the wrong CA exits at once with the reason", async () => {
  await using job = await KnownJob.make({ rows: 100 });
  const { cli, address } = await startListening(job, [
    ...["coordinator", job.path, "--listen", "127.0.0.1:0"],
    ...shown(server),
  ]);
  await using _coordinator = cli;
  const other = await TestCa.make(folder, "other");
  const named = ["--device", "cpu", "--workers", "1", "--tls-ca", other.path];
  const refused = await runCli(["worker", "--coordinator", address, ...named], job);
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/other\.crt[\s\S]*CERTIFICATE_REFUSED/),
  });
  expect(refused.seconds).toBeLessThan(60);
});

test("a run that listens beyond its machine requires TLS, and its own workers need no option", async () => {
  await using job = await KnownJob.make({ rows: 400, rowGroupRows: 100 });
  const listen = ["--listen", "0.0.0.0:0", "--workers", "1"];
  expect(await runCli(["run", job.path, ...listen], job)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/LISTENING_REFUSED[\s\S]*--tls-cert/),
  });
  expect(await runCli(["run", job.path, ...listen, ...shown(server)], job)).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
});
