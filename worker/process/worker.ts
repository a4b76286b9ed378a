import { hostname } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import type { Credential } from "../../shared/access/credential.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { createLogger, type LogLevel } from "../../shared/core/log.ts";
import { packageVersion } from "../../shared/core/package-root.ts";
import { systemRandom } from "../../shared/core/random.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { openTracer } from "../../shared/extension/open-tracer.ts";
import { processTally } from "../../shared/http/store-tally.ts";
import type { CopiesPlace } from "../../shared/storage/local-copy.ts";
import { type CoordinatorClient, connectCoordinator } from "../../shared/wire/client.ts";
import { ownVersions } from "../../shared/wire/protocol.ts";
import type { Registration, WorkService } from "../../shared/wire/services.ts";
import type { AccessMode } from "../job/choose-access.ts";
import { DeviceRunner } from "../job/device-runner.ts";
import { idleExit } from "../lease/idle-exit.ts";
import { LeaseLoop } from "../lease/lease-loop.ts";
import type { ShardRunner } from "../lease/shard-runner.ts";
import { tracedAttempts } from "../lease/traced-attempts.ts";
import { leaseSlotCount } from "../pipeline/thread-counts.ts";
import { openTuningCache } from "../tuning/tuning-cache.ts";

/** What one worker process is started with: plain data, checked by the command that starts it. */
export interface WorkerOptions {
  readonly coordinator: string;
  /** Told by message: arguments and environments can be read from outside. */
  readonly credential: Credential;
  /** Stable over restarts, unique among all workers of a coordinator. */
  readonly name: string;
  readonly device: ConcreteDevice;
  readonly lanes: number;
  readonly threadsPerLane: number;
  /** Threads that feed the lanes. */
  readonly shardThreads: number;
  /** Threads for the steps of each stage, of each shard thread. */
  readonly stepThreads: number;
  readonly access: AccessMode;
  /** Whether a job's own code may run here. Left out: it may not. */
  readonly allowsModules?: boolean;
  /** See `DeviceRunnerOptions`. */
  readonly modelMemoryBytes?: number;
  /** What a job may have opened here, as `isAllowed` takes it. Left out: everything. */
  readonly allowedLocations?: readonly string[];
  /** A folder for this process alone; whoever starts the process removes it. */
  readonly scratchPath: string;
  /** See `DeviceOptions.copies`. */
  readonly copiesPath: string;
  readonly logLevel: LogLevel;
  readonly giveUpMs: number;
  /** Ends when it had no shard for so long. Left out: waits for the next one. */
  readonly idleMs?: number;
}

/** What a test puts around the parts of a real worker: a runner that dies of a row, calls that are lost. */
export interface WorkerSeams {
  readonly runner?: (runner: ShardRunner) => ShardRunner;
  readonly work?: (work: WorkService) => WorkService;
  /** See `DeviceOptions.laneScript`. */
  readonly laneScript?: URL;
}

/** The coordinator sent it home; it was told to drain; it had nothing to do for as long as it was to wait. */
export type WorkerEnd = "dismissed" | "drained" | "idle";

/** Inside the 30 s that Kubernetes gives a pod between SIGTERM and SIGKILL, with time to say goodbye. */
const DRAIN_MS = 20_000;

/** Composition root of one worker process: one device, one connection, one lease loop. */
export async function runWorker(
  options: WorkerOptions,
  signals: { readonly drain: AbortController; readonly stop: AbortController },
  seams: WorkerSeams & {
    readonly shardThread?: Worker;
    readonly onJoined?: () => void;
    readonly takeTurn?: CopiesPlace["takeTurn"];
  } = {},
): Promise<WorkerEnd> {
  const { coordinator, name, logLevel, giveUpMs, copiesPath, ...own } = options;
  const log = createLogger(`worker ${name}`, logLevel);
  const tracer = await openTracer("shardmill-worker", log);
  const client = connectCoordinator(coordinator, own.credential);
  await using runner = new DeviceRunner({
    ...own,
    services: client,
    address: coordinator,
    tuning: openTuningCache(),
    copies: { path: copiesPath, takeTurn: seams.takeTurn, ownPath: join(own.scratchPath, "models") },
    log,
    onBroken: (error) => signals.stop.abort(error),
    ...(seams.laneScript === undefined ? {} : { laneScript: seams.laneScript }),
    ...(seams.shardThread === undefined ? {} : { shardThread: seams.shardThread }),
  });
  let isIdle = false;
  const served = untilIdle((seams.work ?? asIs)(sayingTls(client)), seams.runner?.(runner) ?? runner, {
    idleMs: options.idleMs,
    onIdle: () => {
      isIdle = true;
      log.info({ idleMs: options.idleMs }, "nothing to do for so long");
      signals.drain.abort(new ShardmillError("INTERRUPTED", "the worker has nothing to do"));
    },
  });
  const traced = tracedAttempts({ ...served, tracer, worker: options, busy: () => runner.takeBusy() });
  const loop = new LeaseLoop({
    ...traced,
    registration: registrationOf(options),
    takeBusy: () => runner.takeBusy(),
    takePadding: () => runner.takePadding(),
    batch: () => runner.batch,
    storeCounts: () => processTally.read(),
    fetching: () => runner.fetching,
    clock: systemClock,
    log,
    giveUpMs,
    drainMs: DRAIN_MS,
    onSession: ({ session }) => {
      seams.onJoined?.();
      runner.useSession(session);
    },
  });
  try {
    const end = await loop.run(signals.drain.signal, signals.stop.signal);
    return isIdle ? "idle" : usefulEnd(end, runner.uselessness);
  } finally {
    client.close();
    traced.over();
    await tracer.close();
  }
}

function asIs<T>(value: T): T {
  return value;
}

/** The same service, whose `register` says that a coordinator speaks TLS only: gRPC does not. */
function sayingTls({ work, waitReady }: CoordinatorClient): WorkService {
  return {
    ...work,
    async register(...asked) {
      try {
        return await work.register(...asked);
      } catch (error) {
        if (!isShardmillError(error, "COORDINATOR_UNREACHABLE")) throw error;
        const why: unknown = await waitReady(0).catch((reason: unknown) => reason);
        throw isShardmillError(why, "CERTIFICATE_REFUSED") ? why : error;
      }
    },
  };
}

/** @throws the reason, of a worker that is dismissed without having been of any use */
function usefulEnd(end: WorkerEnd, uselessness: ShardmillError | null): WorkerEnd {
  if (end === "dismissed" && uselessness !== null) throw uselessness;
  return end;
}

function untilIdle(
  work: WorkService,
  runner: ShardRunner,
  { idleMs, onIdle }: { readonly idleMs: number | undefined; readonly onIdle: () => void },
): { readonly work: WorkService; readonly runner: ShardRunner } {
  return idleMs === undefined
    ? { work, runner }
    : idleExit({ work, runner, idleMs, clock: systemClock, onIdle });
}

function registrationOf(options: WorkerOptions): Registration {
  return {
    ...ownVersions(),
    name: options.name,
    hostname: hostname(),
    pid: process.pid,
    instance: systemRandom.hex(8),
    device: options.device,
    slots: leaseSlotCount(options.shardThreads),
    lanes: options.lanes,
    threadsPerLane: options.threadsPerLane,
    onnxruntimeVersion: packageVersion("onnxruntime-node"),
  };
}
