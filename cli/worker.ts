import { resolve } from "node:path";
import type { CommandModule, Options } from "yargs";
import { NEVER } from "../shared/core/abort.ts";
import { ShardmillError } from "../shared/core/errors.ts";
import type { LogLevel } from "../shared/core/log-levels.ts";
import type { Device } from "../shared/domain/device.ts";
import { logFormatOption, logLevelOption } from "../shared/terminal/command-parts.ts";
import {
  type ConnectingArguments,
  connectingOf,
  connectingOptions,
} from "../shared/terminal/connecting-options.ts";
import { type ProcessArguments, processCounts, processOptions } from "../shared/terminal/process-options.ts";
import { listenForStopSignals, whenAborted } from "../shared/terminal/stop-signals.ts";
import { ACCESS_MODES, type AccessMode } from "../worker/job/choose-access.ts";
import type { Supervisor } from "../worker/process/supervisor.ts";
import { allowModulesOption, bytesOf, checkExitCode, coordinatorOption, deviceOption } from "./options.ts";

interface WorkerArguments extends ProcessArguments, ConnectingArguments {
  readonly coordinator: string;
  readonly device: Device;
  readonly data: AccessMode;
  readonly "allow-modules": boolean;
  readonly "model-memory": number | "auto";
  readonly "allow-locations": readonly string[] | undefined;
  readonly scratch: string | undefined;
  readonly patience: number;
  readonly "idle-exit": number | undefined;
  readonly http: string | undefined;
  readonly insecure: boolean;
  readonly "drained-exit-code": number;
  readonly "log-level": LogLevel;
}

/** Interval of looks for a coordinator's address. */
const LOOK_MS = 500;

/** Options for logs and for HTTP. */
const logOptions = {
  "log-level": { ...logLevelOption, default: "info" },
  "log-format": logFormatOption,
  http: {
    type: "string",
    requiresArg: true,
    defaultDescription: "nowhere",
    describe:
      "HOST:PORT to serve /healthz, /readyz and /metrics on, without authentication (by TLS with --tls-cert)",
  },
  insecure: {
    type: "boolean",
    default: false,
    describe: "Serve --http beyond this machine without TLS",
  },
} as const satisfies Record<string, Options>;

export const workerCommand: CommandModule<object, WorkerArguments> = {
  command: "worker",
  describe: "Join a coordinator and work for it, one process per device",
  builder: (yargs) =>
    yargs
      .option("coordinator", coordinatorOption)
      .options(connectingOptions)
      .option("device", deviceOption)
      .options(processOptions)
      .option("data", {
        choices: ACCESS_MODES,
        default: "auto" as const,
        describe:
          "How to reach the job's files: directly (shared), through the coordinator, or detected (auto)",
      })
      .option("allow-modules", allowModulesOption)
      .option("model-memory", {
        type: "string",
        requiresArg: true,
        default: "auto" as const,
        coerce: (text: string) => (text === "auto" ? text : bytesOf("--model-memory", text)),
        describe:
          "Memory in each process for models of other jobs, as 4GiB (0: none is kept, auto: a quarter of the memory, on NVIDIA GPUs while half of theirs is free, on other GPUs none)",
      })
      .option("allow-locations", {
        type: "string",
        array: true,
        requiresArg: true,
        defaultDescription: "all",
        describe:
          "Paths, buckets and servers that a job may use here, each with all below it, or `none` (the coordinator reads the rest)",
      })
      .option("scratch", {
        type: "string",
        requiresArg: true,
        defaultDescription: "the system's",
        describe: "Folder for work in progress",
      })
      .option("patience", {
        type: "number",
        requiresArg: true,
        default: 300,
        describe: "Seconds to wait for a coordinator that cannot be reached",
      })
      .option("idle-exit", {
        type: "number",
        requiresArg: true,
        describe: "Exit with 0 after this many seconds without a shard (default: wait for the next job)",
      })
      .option("drained-exit-code", {
        type: "number",
        requiresArg: true,
        default: 0,
        coerce: (code: number) => checkExitCode("--drained-exit-code", code),
        describe: "Exit code when a signal stopped it before the work was done, for schedulers that requeue",
      })
      .options(logOptions)
      .example(
        "$0 worker --coordinator @/shared/address --drained-exit-code 75",
        "In a job of a cluster scheduler, see docs/operations.md",
      )
      .example("$0 worker --coordinator node1:7433", "Ends when the work is done; drains on SIGTERM")
      .example("$0 worker --device cuda", "One process per GPU, an error where CUDA does not work"),
  handler: (args) => work(args),
};

async function work(args: WorkerArguments): Promise<void> {
  using stops = listenForStopSignals();
  const counts = processCounts(args);
  const { createLogger } = await import("../shared/core/log.ts");
  const { resolveDevice } = await import("../shared/onnx/resolve-device.ts");
  const { layOutProcesses } = await import("../worker/process/process-layout.ts");
  const { makeScratch } = await import("../worker/process/scratch.ts");
  const { Supervisor } = await import("../worker/process/supervisor.ts");
  checkNumbers(args);
  if (!(await findCoordinator(args, stops.requested)) || stops.requested.aborted) {
    process.exitCode = args["drained-exit-code"];
    return;
  }
  const processes = await layOutProcesses({
    ...counts,
    device: await resolveDevice(args.device, { signal: NEVER }),
    access: args.data,
    allowsModules: args["allow-modules"],
    modelMemoryBytes: args["model-memory"],
    ...(await allowedLocationsOf(args)),
    logLevel: args["log-level"],
    giveUpMs: args.patience * 1000,
    ...(args["idle-exit"] === undefined ? {} : { idleMs: args["idle-exit"] * 1000 }),
  });
  const supervisor = new Supervisor({
    processes,
    joins: { coordinator: args.coordinator, credential: await connectingOf(args) },
    scratchPath: await makeScratch(args.scratch),
    log: createLogger("supervisor", args["log-level"]),
    reportsBeats: args.http !== undefined,
  });
  whenAborted(() => void supervisor.drain(), stops.requested);
  whenAborted(() => void supervisor.stop(), stops.atOnce);
  const http = await serveHttp(supervisor, args);
  await supervisor.done.finally(() => http?.close(0));
  if (supervisor.hasDrained) process.exitCode = args["drained-exit-code"];
}

async function allowedLocationsOf({ "allow-locations": texts }: WorkerArguments) {
  if (texts === undefined) return {};
  const { parseAllowed } = await import("../shared/domain/allowed-locations.ts");
  return { allowedLocations: parseAllowed(texts, "--allow-locations") };
}

/** Serves HTTP for the worker. If that fails, stops the worker's processes. */
async function serveHttp(
  supervisor: Supervisor,
  { http: listen, insecure, "tls-cert": cert, "tls-key": key, "log-level": level }: WorkerArguments,
) {
  if (listen === undefined) return null;
  const { serveWorkerHttp } = await import("../worker/http/worker-http.ts");
  const { createLogger } = await import("../shared/core/log.ts");
  const own = cert === undefined || key === undefined ? null : { cert: resolve(cert), key: resolve(key) };
  const facts = () => ({ workers: supervisor.workers, gpus: supervisor.gpus });
  const listening = { tls: own === null ? null : { own, clientCa: null }, insecure };
  try {
    return await serveWorkerHttp({ listen, listening, facts, log: createLogger("supervisor", level) });
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
}

/**
 * Waits for the address file, which the coordinator may write later. Returns false when a signal ended the
 * wait.
 *
 * @throws {ARGUMENT_INVALID} when there is no address
 */
async function findCoordinator(
  { coordinator, patience }: WorkerArguments,
  stop: AbortSignal,
): Promise<boolean> {
  const { checkAddress } = await import("../shared/wire/address.ts");
  const { addressFileOf, addressIn, readAddressFile } = await import("../shared/wire/address-file.ts");
  const { sleep } = await import("../shared/core/abort.ts");
  const file = addressFileOf(coordinator);
  if (file === null) {
    checkAddress(coordinator);
    return true;
  }
  for (let waitedMs = 0; waitedMs < patience * 1000; waitedMs += LOOK_MS) {
    if ((await addressIn(file)) !== null) return true;
    await sleep(LOOK_MS, stop).catch(() => {});
    if (stop.aborted) return false;
  }
  readAddressFile(file);
  return true;
}

function checkNumbers({ patience, "idle-exit": idle }: WorkerArguments): void {
  if (!(patience >= 0))
    throw new ShardmillError("ARGUMENT_INVALID", "--patience must be a number of seconds, 0 or more");
  if (idle !== undefined && !(idle > 0))
    throw new ShardmillError("ARGUMENT_INVALID", "--idle-exit must be a number of seconds, more than 0");
}
