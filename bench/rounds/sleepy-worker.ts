import { hostname } from "node:os";
import { userCredential } from "../../shared/access/credential.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { createLogger } from "../../shared/core/log.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { type ClientOptions, connectCoordinator } from "../../shared/wire/client.ts";
import { ownVersions } from "../../shared/wire/protocol.ts";
import { LeaseLoop } from "../../worker/lease/lease-loop.ts";
import { SleepyRunner } from "./sleepy-runner.ts";

interface SleepyWorkerOptions {
  readonly coordinator: string;
  readonly name: string;
  readonly shardMs: number;
  readonly client?: ClientOptions;
}

/** Runs a worker without a device: the real lease loop over a real connection. */
export async function runSleepyWorker(
  options: SleepyWorkerOptions,
  signals: { readonly drain: AbortSignal; readonly stop: AbortSignal },
): Promise<"dismissed" | "drained"> {
  const { coordinator, name, shardMs } = options;
  const client = connectCoordinator(coordinator, userCredential(), options.client);
  let session: WorkerSession | null = null;
  const runner = new SleepyRunner({
    describeJob: ({ jobId }) => {
      if (session === null) throw new ShardmillError("INTERNAL", "a lease before a session");
      return client.work.describeJob(session, jobId);
    },
    shardMs: () => shardMs,
  });
  const loop = new LeaseLoop({
    work: client.work,
    registration: {
      ...ownVersions(),
      name,
      hostname: hostname(),
      pid: process.pid,
      device: "cpu",
      slots: 2,
      lanes: 1,
      threadsPerLane: 1,
      onnxruntimeVersion: "",
    },
    runner,
    takeBusy: () => ({}),
    takePadding: () => null,
    clock: systemClock,
    log: createLogger(`worker ${name}`, "error"),
    giveUpMs: 60_000,
    drainMs: 1_000,
    onSession: (registered) => {
      session = registered.session;
    },
  });
  try {
    return await loop.run(signals.drain, signals.stop);
  } finally {
    client.close();
  }
}
