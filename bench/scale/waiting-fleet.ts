import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { userCredential } from "../../shared/access/credential.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { isEnded } from "../../shared/domain/job.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import type { TableData } from "../../shared/terminal/table.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { startCli } from "../../test/support/processes.ts";
import { CountingJob } from "../fixtures/counting-job.ts";
import { OPEN_ACCESS } from "../load/load-access.ts";
import type { LoadClientsOptions } from "../load/load-clients.ts";
import { sampleProcess } from "../load/process-sample.ts";
import type { BarPlot } from "../report/bar-plot.ts";
import { note, round } from "../report/report.ts";

interface WaitingFleetOptions {
  readonly sizes: readonly number[];
  /** Duration of a shard in a worker's lane. */
  readonly shardMs: number;
  readonly shardsPerWorker: number;
}

/** Workers in one process: workers only wait and call the coordinator. */
const WORKERS_A_PROCESS = 64;
const LOOK_MS = 20;

interface FleetRun {
  readonly workers: number;
  /** Time that the waiting alone takes. */
  readonly idealSeconds: number;
  readonly seconds: number;
  readonly coordinatorCores: number;
  readonly coordinatorMsACommit: number;
}

/**
 * Runs fleets of workers whose lanes wait instead of computing, against one real coordinator. Time above the
 * ideal goes to leases, commits, the journal and the job's end.
 */
export async function scaleWaitingFleet(options: WaitingFleetOptions): Promise<FleetRun[]> {
  const runs: FleetRun[] = [];
  for (const workers of options.sizes) {
    const run = await runFleet(workers, options);
    runs.push(run);
    note(`${workers} workers: ${run.seconds.toFixed(2)} s of ${run.idealSeconds.toFixed(2)} s`);
  }
  return runs;
}

export function fleetTable(runs: readonly FleetRun[]): TableData {
  return {
    columns: ["workers", "ideal s", "s", "efficiency", "coordinator's cores", "coordinator's ms a commit"],
    rows: runs.map(({ workers, idealSeconds, seconds, coordinatorCores, coordinatorMsACommit }) => [
      workers,
      round(idealSeconds),
      round(seconds),
      round(idealSeconds / seconds),
      round(coordinatorCores),
      round(coordinatorMsACommit),
    ]),
  };
}

/** Plots efficiency by workers, and the coordinator's load. */
export function fleetPlot(runs: readonly FleetRun[]): BarPlot {
  const label = (workers: number) => `${workers} ${workers === 1 ? "worker" : "workers"}`;
  return {
    title: "Fleets that only wait",
    about: [
      "Workers whose lanes wait instead of computing, against one coordinator over gRPC. Leases, commits, the journal and the end of the job take the rest to 1. Each group has its own scale.",
    ],
    groups: [
      {
        title: "efficiency: the ideal seconds over those taken (mark: 1)",
        bars: runs.map(({ workers, idealSeconds, seconds }) => ({
          label: label(workers),
          value: idealSeconds / seconds,
          aim: 1,
        })),
      },
      {
        title: "cores that the coordinator needs",
        bars: runs.map(({ workers, coordinatorCores }) => ({
          label: label(workers),
          value: coordinatorCores,
          tone: 1,
        })),
      },
    ],
    scale: "each",
    format: (value) => value.toFixed(2),
  };
}

async function runFleet(
  workers: number,
  { shardMs, shardsPerWorker }: WaitingFleetOptions,
): Promise<FleetRun> {
  const shards = workers * shardsPerWorker;
  await using job = await CountingJob.make({ shards, folder: "/dev/shm" });
  const limitMs = 60_000 + 3 * shardsPerWorker * shardMs;
  await using cli = startCli(["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "error"], {
    limitMs,
  });
  const [, address = ""] = await cli.saw(/coordinator on ([\d.]+:\d+)/);
  const fleet = startFleet(workers, { target: { coordinator: address, ...OPEN_ACCESS.worker() }, shardMs });
  const client = connectCoordinator(address, userCredential());
  try {
    let startedMs: number | null = null;
    let before = await sampleProcess(cli.pid);
    for (;;) {
      const status = await client.jobs.getJob(asJobId(""), NEVER);
      if (status.shardsLeased > 0 && startedMs === null) {
        startedMs = performance.now();
        before = await sampleProcess(cli.pid);
      }
      if (isEnded(status.phase) || status.shardsCommitted === shards) break;
      await sleep(LOOK_MS, NEVER);
    }
    const seconds = (performance.now() - (startedMs ?? Number.NaN)) / 1000;
    const after = await sampleProcess(cli.pid);
    const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
    return {
      workers,
      idealSeconds: (shardsPerWorker * shardMs) / 1000,
      seconds,
      coordinatorCores: cpuSeconds / seconds,
      coordinatorMsACommit: (1000 * cpuSeconds) / shards,
    };
  } finally {
    client.close();
    await endFleet(fleet);
    cli.killGroup("SIGKILL");
  }
}

function startFleet(
  workers: number,
  { target, shardMs }: Pick<LoadClientsOptions, "target" | "shardMs">,
): readonly ChildProcess[] {
  const entry = fileURLToPath(compiledUrl("bench/load/load-clients.ts"));
  return Array.from({ length: Math.ceil(workers / WORKERS_A_PROCESS) }, (_, index) => {
    const options: LoadClientsOptions = {
      target,
      name: `fleet-${index}`,
      workers: Math.min(WORKERS_A_PROCESS, workers - index * WORKERS_A_PROCESS),
      probes: 0,
      shardMs,
    };
    return fork(entry, [JSON.stringify(options)], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
  });
}

async function endFleet(fleet: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    fleet.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }),
  );
}
