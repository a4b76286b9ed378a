import { hostname } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import type { Credential } from "../../shared/access/credential.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { createLogger } from "../../shared/core/log.ts";
import type { LogLevel } from "../../shared/core/log-levels.ts";
import { packageVersion } from "../../shared/core/package-root.ts";
import { systemRandom } from "../../shared/core/random.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { makeShare, writeShare } from "../../shared/domain/step-job.ts";
import { openTracer } from "../../shared/extension/open-tracer.ts";
import { processTally } from "../../shared/http/store-tally.ts";
import type { CopiesPlace } from "../../shared/storage/local-copy.ts";
import { type CoordinatorClient, connectCoordinator } from "../../shared/wire/client.ts";
import { ownVersions } from "../../shared/wire/protocol.ts";
import type { Registration, WorkService } from "../../shared/wire/services.ts";
import type { AccessMode } from "../job/choose-access.ts";
import { DeviceRunner } from "../job/device-runner.ts";
import type { HeartbeatReports } from "../lease/heartbeats.ts";
import { idleExit } from "../lease/idle-exit.ts";
import { LeaseLoop } from "../lease/lease-loop.ts";
import type { ShardRunner } from "../lease/shard-runner.ts";
import { tracedAttempts } from "../lease/traced-attempts.ts";
import { leaseSlotCount, taskSlotCount } from "../pipeline/thread-counts.ts";
import { openTuningCache } from "../tuning/tuning-cache.ts";

/** Options of one worker process. Plain data, checked by the command that starts it. */
export interface WorkerOptions {
  readonly coordinator: string;
  /** Credential, sent as a message, because other users can read arguments and environments. */
  readonly credential: Credential;
  /** Name that is stable across restarts, and unique among all workers of a coordinator. */
  readonly name: string;
  readonly device: ConcreteDevice;
  readonly lanes: number;
  readonly threadsPerLane: number;
  /** Threads that feed the lanes. */
  readonly shardThreads: number;
  /** Cores that this worker may use. */
  readonly cores: number;
  readonly access: AccessMode;
  /** True when a job's own code may run here. Default: false. */
  readonly allowsModules?: boolean;
  /** See `DeviceRunnerOptions`. */
  readonly modelMemoryBytes?: number;
  /** Locations that a job may open here, as `isAllowed` takes them. Default: all. */
  readonly allowedLocations?: readonly string[];
  /** Folder of this process only. The process's parent removes it. */
  readonly scratchPath: string;
  /** See `DeviceOptions.copies`. */
  readonly copiesPath: string;
  readonly logLevel: LogLevel;
  readonly giveUpMs: number;
  /** Idle time after which the worker ends. Default: it waits for the next shard. */
  readonly idleMs?: number;
}

/**
 * Wrappers that tests put around a real worker's parts: a runner that crashes at a row, or calls that fail.
 */
export interface WorkerSeams {
  readonly runner?: (runner: ShardRunner) => ShardRunner;
  readonly work?: (work: WorkService) => WorkService;
  /** See `DeviceOptions.laneScript`. */
  readonly laneScript?: URL;
}

/** Reason of a worker's end: dismissed by the coordinator, drained, or idle for too long. */
export type WorkerEnd = "dismissed" | "drained" | "idle";

/**
 * Time for shards to finish. Kubernetes allows 30 s between SIGTERM and SIGKILL, which leaves time to
 * deregister.
 */
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
  const share = makeShare();
  await using runner = new DeviceRunner({
    ...own,
    share,
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
      log.info({ idleMs: options.idleMs }, "idle limit reached");
      signals.drain.abort(new ShardmillError("INTERRUPTED", "the worker is idle"));
    },
  });
  const traced = tracedAttempts({ ...served, tracer, worker: options, busy: () => runner.takeBusy() });
  const loop = new LeaseLoop({
    ...traced,
    registration: registrationOf(options),
    ...reportsOf(runner),
    onWorkers: (workers) => writeShare(share, { workers }),
    clock: systemClock,
    log,
    giveUpMs,
    drainMs: DRAIN_MS,
    onSession: ({ session, heartbeatMs }) => {
      writeShare(share, { settleMs: heartbeatMs });
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

function reportsOf(runner: DeviceRunner): HeartbeatReports {
  return {
    takeBusy: () => runner.takeBusy(),
    takePadding: () => runner.takePadding(),
    batch: () => runner.batch,
    storeCounts: () => processTally.read(),
    fetching: () => runner.fetching,
  };
}

function asIs<T>(value: T): T {
  return value;
}

/** Wraps `register` to report that a coordinator requires TLS, which gRPC does not report. */
function sayingTls({ work, waitReady }: CoordinatorClient): WorkService {
  return {
    ...work,
    async register(...requested) {
      try {
        return await work.register(...requested);
      } catch (error) {
        if (!isShardmillError(error, "COORDINATOR_UNREACHABLE")) throw error;
        const why: unknown = await waitReady(0).catch((reason: unknown) => reason);
        throw isShardmillError(why, "CERTIFICATE_REFUSED") ? why : error;
      }
    },
  };
}

/** @throws the reason, when a worker is dismissed without having mapped a shard */
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
    taskSlots: taskSlotCount(options.cores),
    lanes: options.lanes,
    threadsPerLane: options.threadsPerLane,
    onnxruntimeVersion: packageVersion("onnxruntime-node"),
  };
}
