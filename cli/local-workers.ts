import type { Coordinator } from "../coordinator/coordinator.ts";
import type { Credential } from "../shared/access/credential.ts";
import type { LogLevel } from "../shared/core/log-levels.ts";
import type { Device } from "../shared/domain/device.ts";
import { type ProcessArguments, processCounts } from "../shared/terminal/process-options.ts";
import type { Supervisor } from "../worker/process/supervisor.ts";
import { logLevelOf } from "./options.ts";

type WorkersArguments = ProcessArguments & { readonly "log-level": LogLevel | undefined };

/** Time that local workers look for a lost coordinator, which runs in the process that started them. */
const GIVE_UP_MS = 60_000;

interface LocalWorkers {
  /** Null: the only job has no model. */
  readonly device: Device | null;
  readonly credential: Credential;
  readonly listening: Promise<Coordinator>;
  /** Aborts the start of the workers. */
  readonly signal: AbortSignal;
}

/**
 * Starts the workers of a command that is also a coordinator. Their processes load while the coordinator
 * does.
 *
 * @throws {ARGUMENT_INVALID} {DEVICE_UNAVAILABLE}
 */
export async function startWorkers(
  args: WorkersArguments,
  { device, credential, listening, signal }: LocalWorkers,
): Promise<Supervisor> {
  const { createLogger } = await import("../shared/core/log.ts");
  const { resolveDevice } = await import("../shared/onnx/resolve-device.ts");
  const { layOutProcesses } = await import("../worker/process/process-layout.ts");
  const { makeScratch } = await import("../worker/process/scratch.ts");
  const { Supervisor } = await import("../worker/process/supervisor.ts");
  const logLevel = logLevelOf(args["log-level"], "warn");
  const processes = await layOutProcesses({
    ...processCounts(args),
    device: device === null ? "cpu" : await resolveDevice(device, { signal }),
    runsModel: device !== null,
    access: "shared",
    // A user who runs a job here could run its code here anyway.
    allowsModules: true,
    logLevel,
    giveUpMs: GIVE_UP_MS,
  });
  // Make it before `joins`: a rejection of that promise during this wait would be unhandled.
  const scratchPath = await makeScratch();
  return new Supervisor({
    processes,
    joins: listening.then(({ ownAddress }) => ({ coordinator: ownAddress, credential })),
    scratchPath,
    log: createLogger("supervisor", logLevel),
    onExited: (name) => void listening.then((coordinator) => coordinator.workerLost(name)).catch(() => {}),
  });
}
