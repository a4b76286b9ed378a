import type { CommandModule } from "yargs";
import { ShardmillError } from "../shared/core/errors.ts";
import type { LogLevel } from "../shared/core/log.ts";
import type { Device } from "../shared/domain/device.ts";
import { ACCESS_MODES, type AccessMode } from "../worker/job/choose-access.ts";
import {
  allowModulesOption,
  checkExitCode,
  coordinatorOption,
  deviceOption,
  logLevelOption,
  type ProcessArguments,
  processCounts,
  processOptions,
} from "./options.ts";
import { type ConnectingArguments, connectingOf, connectingOptions } from "./security-options.ts";
import { listenForStopSignals, whenAborted } from "./stop-signals.ts";

interface WorkerArguments extends ProcessArguments, ConnectingArguments {
  readonly coordinator: string;
  readonly device: Device;
  readonly data: AccessMode;
  readonly "allow-modules": boolean;
  readonly scratch: string | undefined;
  readonly patience: number;
  readonly "idle-exit": number | undefined;
  readonly "drained-exit-code": number;
  readonly "log-level": LogLevel;
}

/** How often it is looked for a coordinator's address. */
const LOOK_MS = 500;

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
        describe: "How to reach the job's files: as its own, through the coordinator, or find out (auto)",
      })
      .option("allow-modules", allowModulesOption)
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
        describe: "End with 0 after so many seconds without a shard (left out: wait for the next job)",
      })
      .option("drained-exit-code", {
        type: "number",
        requiresArg: true,
        default: 0,
        coerce: (code: number) => checkExitCode("--drained-exit-code", code),
        describe:
          "Exit code where a signal ended it before the work was done, for schedulers that requeue by it",
      })
      .option("log-level", { ...logLevelOption, default: "info" as const })
      .example(
        "$0 worker --coordinator @/shared/address --drained-exit-code 75",
        "In a job that a scheduler places: docs/operations.md",
      )
      .example("$0 worker --coordinator node1:7433", "Ends when the work is done; drains on SIGTERM")
      .example("$0 worker --device cuda", "One process per GPU; an error where CUDA does not work"),
  handler: (args) => work(args),
};

async function work(args: WorkerArguments): Promise<void> {
  const counts = processCounts(args);
  const { createLogger } = await import("../shared/core/log.ts");
  const { resolveDevice } = await import("../shared/onnx/resolve-device.ts");
  const { layOutProcesses } = await import("../worker/process/process-layout.ts");
  const { makeScratch } = await import("../worker/process/scratch.ts");
  const { Supervisor } = await import("../worker/process/supervisor.ts");
  checkNumbers(args);
  using stops = listenForStopSignals();
  if (!(await findCoordinator(args, stops.asked))) {
    process.exitCode = args["drained-exit-code"];
    return;
  }
  const processes = await layOutProcesses({
    ...counts,
    device: await resolveDevice(args.device),
    access: args.data,
    allowsModules: args["allow-modules"],
    logLevel: args["log-level"],
    giveUpMs: args.patience * 1000,
    ...(args["idle-exit"] === undefined ? {} : { idleMs: args["idle-exit"] * 1000 }),
  });
  const supervisor = new Supervisor({
    processes,
    joins: { coordinator: args.coordinator, credential: await connectingOf(args) },
    scratchPath: await makeScratch(args.scratch),
    log: createLogger("supervisor", args["log-level"]),
  });
  whenAborted(stops.asked, () => void supervisor.drain());
  whenAborted(stops.atOnce, () => void supervisor.stop());
  await supervisor.done;
  if (supervisor.hasDrained) process.exitCode = args["drained-exit-code"];
}

/**
 * An address file may be written when the coordinator starts, which may be after this. False when a signal
 * ended the waiting.
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
