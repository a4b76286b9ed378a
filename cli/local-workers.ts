import type { Coordinator } from "../coordinator/coordinator.ts";
import type { Credential } from "../shared/access/credential.ts";
import type { LogLevel } from "../shared/core/log.ts";
import type { Device } from "../shared/domain/device.ts";
import { type ProcessArguments, processCounts } from "../shared/terminal/process-options.ts";
import type { Supervisor } from "../worker/process/supervisor.ts";
import { logLevelOf } from "./options.ts";

type WorkersArguments = ProcessArguments & { readonly "log-level": LogLevel | undefined };

/** How long local workers look for a coordinator that is gone: it runs in the process that started them. */
const GIVE_UP_MS = 60_000;

interface LocalWorkers {
  readonly device: Device;
  readonly credential: Credential;
  readonly listening: Promise<Coordinator>;
  /** Until they are started. */
  readonly signal: AbortSignal;
}

/**
 * Starts the workers of a command that is a coordinator, too: their processes load while it does.
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
    device: await resolveDevice(device, { signal }),
    access: "shared",
    // Whoever runs a job here may run its code here without it.
    allowsModules: true,
    logLevel,
    giveUpMs: GIVE_UP_MS,
  });
  // Made first: while it is waited for, nobody would hear that there is no coordinator to join.
  const scratchPath = await makeScratch();
  return new Supervisor({
    processes,
    joins: listening.then(({ ownAddress }) => ({ coordinator: ownAddress, credential })),
    scratchPath,
    log: createLogger("supervisor", logLevel),
    onDied: (name) => void listening.then((coordinator) => coordinator.workerDied(name)).catch(() => {}),
  });
}
