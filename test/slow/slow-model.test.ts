import { readFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { aJobId } from "../support/ids.ts";
import { ask, startCoordinator, startWorker, until, untilCommitted } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli, startCli } from "../support/processes.ts";
import { serveRange, startWebServer } from "../support/web-server.ts";

/** Models that load slowly, while waiting users see the progress. */

/** Layers of a model with two fetched pieces and more, mostly weights. */
const WIDE: readonly number[] = [2_200, 2_200];

test("plan reports the progress of a model's download on stderr only", async () => {
  await using job = await KnownJob.make({ rows: 40, hidden: WIDE });
  const model = await readFile(`${job.folder}/job/model.onnx`);
  await using server = await startWebServer({
    async "/model.onnx"(request, response) {
      // Reading the header needs fewer bytes.
      const [, from = "0", to = "0"] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      if (Number(to) - Number(from) > 1 << 20) await sleep(4_500);
      serveRange(request, response, model);
    },
  });
  await job.writeSpec({ model: { path: `${server.url}/model.onnx` } });
  const plan = await runCli(["plan", job.path, ...WITHOUT_ESTIMATE, "--json"], { env: job.env });
  expect(plan, plan.stderr).toMatchObject({ code: 0 });
  expect(plan.stderr).toMatch(/^fetching the model: 0 B of \d+\.\d MiB, 0 B\/s \.\.\.$/m);
  expect(JSON.parse(plan.stdout)).toMatchObject({ model: { bytes: model.length } });
});

interface SlowLine extends AsyncDisposable {
  readonly address: string;
  /** Bytes received from the coordinator. */
  readonly came: { readonly bytes: number };
}

/** Starts a slow connection to a coordinator. */
async function startSlowLine(address: string, bytesPerSecond: number): Promise<SlowLine> {
  const came = { bytes: 0 };
  const [host = "", port = ""] = address.split(":");
  const open = new Set<Socket>();
  const server = createServer((near) => {
    open.add(near);
    const far = connect(Number(port), host);
    near.pipe(far);
    const slowly = async () => {
      for await (const chunk of far as AsyncIterable<Buffer>) {
        came.bytes += chunk.length;
        near.write(chunk);
        await sleep((chunk.length / bytesPerSecond) * 1_000);
      }
      near.end();
    };
    slowly().catch(() => near.destroy());
    near.once("error", () => far.destroy());
    near.once("close", () => {
      open.delete(near);
      far.destroy();
    });
    far.once("error", () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    came,
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("`workers` and `status` show the progress of a worker that fetches a model", async () => {
  await using job = await KnownJob.make({ rows: 40, hidden: WIDE });
  const { length: modelBytes } = await readFile(`${job.folder}/job/model.onnx`);
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  await using line = await startSlowLine(address, 2 << 20);
  await using worker = startWorker(job, line.address, ["--data", "coordinator"]);
  const { fetching, jobs, texts } = await until("a worker that fetches", () =>
    ask(address, async (client) => {
      const [status] = await client.workers.listWorkers(NEVER);
      if (status?.fetching == null) return null;
      await until("status that shows it", async () =>
        (await client.jobs.getJob(aJobId(""), NEVER)).fetching === null ? null : true,
      );
      const shown = await Promise.all(
        ["workers", "status"].map((command) => runCli([command, "--coordinator", address], { env: job.env })),
      );
      return { fetching: status.fetching, jobs: await client.jobs.listJobs(NEVER), texts: shown };
    }),
  );
  expect(fetching.totalBytes).toBe(modelBytes);
  expect(jobs).toMatchObject([{ phase: "running", rowsDone: 0 }]);
  expect(texts[0]?.stdout).toMatch(/ fetches the model: [\d.]+ [MKi]*B of \d+\.\d MiB, [\d.]+ [KMi]*B\/s$/m);
  expect(texts[1]?.stdout).toMatch(/the workers fetch the model: [\d.]+ [MKi]*B of \d+\.\d MiB, /);
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
});

test("workers on one machine fetch a model once, also when one of them is replaced", async () => {
  await using job = await KnownJob.make({
    rows: 2_400,
    hidden: WIDE,
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
  });
  const { length: modelBytes } = await readFile(`${job.folder}/job/model.onnx`);
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  await using line = await startSlowLine(address, 16 << 20);
  const args = ["worker", "--coordinator", line.address, "--device", "cpu", "--workers", "3"];
  await using workers = startCli([...args, "--data", "coordinator"], { limitMs: 300_000, env: job.env });
  await untilCommitted(job, 1);
  const [victim] = await ask(address, ({ workers: fleet }) => fleet.listWorkers(NEVER));
  process.kill(victim?.pid ?? 0, "SIGKILL");
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await workers.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
  expect(line.came.bytes).toBeGreaterThan(modelBytes);
  expect(line.came.bytes).toBeLessThan(1.5 * modelBytes);
});
