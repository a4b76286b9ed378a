import { readFile } from "node:fs/promises";

import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { ask, startCoordinator, startWorker, until } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";
import { serveRange, startWebServer } from "../support/web-server.ts";

/** Models that take long to come: whoever waits is told how far they are. */

/** Two pieces and some more, of which weights are most. */
const WIDE: readonly number[] = [2_200, 2_200];

test("a plan says on stderr how much of a model is fetched, and nothing of it on stdout", async () => {
  await using job = await KnownJob.make({ rows: 40, hidden: WIDE });
  const model = await readFile(`${job.folder}/job/model.onnx`);
  await using server = await startWebServer({
    async "/model.onnx"(request, response) {
      // A look asks for less.
      const [, from = "0", to = "0"] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      if (Number(to) - Number(from) > 1 << 20) await sleep(4_500);
      serveRange(request, response, model);
    },
  });
  await job.writeSpec({ model: { path: `${server.url}/model.onnx` } });
  const plan = await runCli(["plan", job.path, "--no-estimate", "--json"], { env: job.env });
  expect(plan, plan.stderr).toMatchObject({ code: 0 });
  expect(plan.stderr).toMatch(/^fetching the model: 0 B of \d+\.\d MiB, 0 B\/s \.\.\.$/m);
  expect(JSON.parse(plan.stdout)).toMatchObject({ model: { bytes: model.length } });
}, 60_000);

const BYTES_A_SECOND = 2 << 20;

/** A line to a coordinator over which little comes in a second. */
async function startSlowLine(address: string): Promise<AsyncDisposable & { readonly address: string }> {
  const [host = "", port = ""] = address.split(":");
  const open = new Set<Socket>();
  const server = createServer((near) => {
    open.add(near);
    const far = connect(Number(port), host);
    near.pipe(far);
    const slowly = async () => {
      for await (const chunk of far as AsyncIterable<Buffer>) {
        near.write(chunk);
        await sleep((chunk.length / BYTES_A_SECOND) * 1_000);
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
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("a worker that fetches a model says so in `workers` and in `status`", async () => {
  await using job = await KnownJob.make({ rows: 40, hidden: WIDE });
  const { length: modelBytes } = await readFile(`${job.folder}/job/model.onnx`);
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  await using line = await startSlowLine(address);
  await using worker = startWorker(job, line.address, ["--data", "coordinator"]);
  const { fetching, jobs, texts } = await until("a worker that fetches", () =>
    ask(address, async (client) => {
      const [status] = await client.workers.listWorkers();
      if (status?.fetching == null || status.fetching.bytes === 0) return null;
      await until("a look at it", async () =>
        (await client.jobs.getJob("")).fetching === null ? null : true,
      );
      const shown = await Promise.all(
        ["workers", "status"].map((command) => runCli([command, "--coordinator", address], { env: job.env })),
      );
      return { fetching: status.fetching, jobs: await client.jobs.listJobs(), texts: shown };
    }),
  );
  expect(fetching.totalBytes).toBe(modelBytes);
  expect(fetching.bytesPerSecond).toBeGreaterThan(0);
  expect(jobs).toMatchObject([{ phase: "running", rowsDone: 0 }]);
  expect(texts[0]?.stdout).toMatch(/ fetches the model: \d+\.\d MiB of \d+\.\d MiB, \d+\.\d [KM]iB\/s$/m);
  expect(texts[1]?.stdout).toMatch(/the workers fetch the model: \d+\.\d MiB of \d+\.\d MiB, /);
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
}, 90_000);
