import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TestCa } from "../support/certificates.ts";
import { startCoordinator, startWorker, until } from "../support/job-processes.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** State of a `worker` command, by HTTP. */

test("a worker serves its health, readiness and metrics by HTTP until it ends", async () => {
  // More rows than it maps before it is cancelled, so that it works during all checks.
  await using job = await KnownJob.make({
    rows: 48_000,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
  });
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  await using worker = startWorker(job, address, ["--http", "127.0.0.1:0"]);
  const [, port = ""] = await worker.saw(/"address":"127.0.0.1:(\d+)","msg":"listening for HTTP"/);
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  expect(await ask("/healthz")).toEqual({ status: 200, text: "ok\n" });
  await until("a process has joined", async () => ((await ask("/readyz")).status === 200 ? true : null));
  const busy = /shardmill_process_stage_busy_ratio\{worker="\S+",stage="infer"\} 0\.\d+/;
  const text = await until("the stages are in the metrics", async () => {
    const metrics = (await ask("/metrics")).text;
    return busy.test(metrics) ? metrics : null;
  });
  expect(text).toMatch(/shardmill_process_joined\{worker="\S+",device="cpu"\} 1\n/);
  expect(text).toMatch(/shardmill_process_leases\{worker="\S+"\} [1-9]/);
  expect(text).toContain("process_resident_memory_bytes ");
  expect((await ask("/")).status).toBe(404);
  const status = await runCli(["status", "--json", "--coordinator", address], job);
  const [{ jobId }] = JSON.parse(status.stdout);
  expect(await runCli(["cancel", jobId, "--coordinator", address], job)).toMatchObject({ code: 0 });
  expect((await coordinator.ended).code).toBe(1);
  expect((await worker.ended).code).toBe(0);
  await expect(ask("/healthz")).rejects.toThrow();
});

test("a worker refuses HTTP without TLS for other machines, and serves them with TLS", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-worker-http-"));
  try {
    const args = [
      "worker",
      "--coordinator",
      "127.0.0.1:1",
      "--device",
      "cpu",
      "--workers",
      "1",
      "--patience",
      "0",
    ];
    const clear = await runCli([...args, "--http", "0.0.0.0:0"]);
    expect(clear).toMatchObject({ code: 2, stderr: expect.stringContaining("LISTENING_REFUSED") });
    const ca = await TestCa.make(folder);
    const { cert, key } = await ca.sign({ name: "node" });
    const tls = ["--tls-ca", ca.path, "--tls-cert", cert, "--tls-key", key];
    const { stderr } = await runCli([...args, "--http", "0.0.0.0:0", ...tls]);
    expect(stderr).toContain("listening for HTTP");
  } finally {
    await rm(folder, { recursive: true });
  }
});
