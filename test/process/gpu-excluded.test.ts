import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { userCredential } from "../../shared/access/credential.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import type { GpuReader } from "../../shared/extension/gpu-driver.ts";
import { layOutProcesses } from "../../worker/process/process-layout.ts";
import { Supervisor } from "../../worker/process/supervisor.ts";
import { GPU_READING } from "../support/gpus/reading.ts";
import { ask, startCoordinator, until } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

/** A GPU that fails during work, as its worker reports it to the coordinator. */

test("a worker whose only GPU is excluded reports the reason, and returns to finish the job", async () => {
  await using job = await KnownJob.make({
    rows: 2_400,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 1 } } },
  });
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  let xids: readonly number[] = [];
  const reader: GpuReader = {
    look: async () => ({ kind: "read", reading: { ...GPU_READING, xids } }),
  };
  const gpuClock = new VirtualClock();
  const [layout] = await layOutProcesses({
    device: "cpu",
    workers: 1,
    lanes: 1,
    threads: 1,
    shardThreads: 1,
    access: "auto",
    allowsModules: false,
    logLevel: "silent",
    giveUpMs: 60_000,
  });
  if (layout === undefined) throw new Error("there is no layout of a process");
  const supervisor = new Supervisor({
    processes: [{ ...layout, gpu: "GPU-1" }],
    joins: { coordinator: address, credential: userCredential() },
    scratchPath: await mkdtemp(join(tmpdir(), "shardmill-aside-")),
    log: silentLogger,
    gpuReader: async () => reader,
    gpuClock,
  });
  try {
    const worker = async () => (await ask(address, ({ workers }) => workers.listWorkers(NEVER)))[0] ?? null;
    const atWork = () =>
      until("a worker with shards", async () => {
        const found = await worker();
        return found !== null && found.leases > 0 ? found : null;
      });
    expect((await atWork()).gpuFault).toBeNull();
    xids = [79];
    await gpuClock.pass(5_000);
    const aside = await until("an excluded worker", async () => {
      const found = await worker();
      return found !== null && found.gpuFault !== null ? found : null;
    });
    expect(aside).toMatchObject({
      gpuFault: "Xid 79: it has fallen off the bus",
      leases: 0,
      attemptsFailed: 0,
    });
    const line = `${aside.name} is excluded: Xid 79: it has fallen off the bus\n`;
    for (const command of ["status", "workers"])
      expect((await runCli([command, "--coordinator", address], { env: job.env })).stdout).toContain(line);
    xids = [];
    await gpuClock.pass(65_000);
    expect((await atWork()).gpuFault).toBeNull();
    expect((await coordinator.ended).code).toBe(0);
    expect((await coordinator.ended).stderr).toContain("worker excluded until its device works again");
    expect((await expectRightAnswer(job)).attempts).toBeGreaterThanOrEqual(24);
  } finally {
    await supervisor.stop();
  }
});
