import { type ChildProcess, fork, type StdioOptions } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { NEVER } from "../../shared/core/abort.ts";
import type { ConcreteDevice, Device } from "../../shared/domain/device.ts";
import { resolveDevice } from "../../shared/onnx/resolve-device.ts";
import { processEnvironment } from "../../worker/process/process-environment.ts";
import { layOutProcesses, type ProcessCounts } from "../../worker/process/process-layout.ts";
import { makeScratch } from "../../worker/process/scratch.ts";
import type { ProcessLayout } from "../../worker/process/start-process.ts";

/** Processes for a worker's pipeline without a coordinator, as a run on this machine would have them. */
interface Pipelines {
  readonly device: ConcreteDevice;
  readonly processes: readonly ProcessLayout[];
  /** Temporary folder, which is removed afterwards. */
  readonly scratchPath: string;
}

/**
 * Lays out the processes for a user's own job while `use` runs.
 *
 * @param requested null: the job has no model
 */
export async function withPipelines<T>(
  requested: Device | null,
  counts: ProcessCounts,
  use: (pipelines: Pipelines) => Promise<T>,
): Promise<T> {
  const device = requested === null ? "cpu" : await resolveDevice(requested, { signal: NEVER });
  const processes = await layOutProcesses({
    ...counts,
    device,
    runsModel: requested !== null,
    access: "shared",
    // The machine and the job are the user's own.
    allowsModules: true,
    logLevel: "silent",
    giveUpMs: 0,
  });
  const scratchPath = await makeScratch();
  try {
    return await use({ device, processes, scratchPath });
  } finally {
    await rm(scratchPath, { recursive: true, force: true });
  }
}

/** Starts a script as a process of the layout. */
export function forkPipeline(
  script: URL,
  { options, env }: ProcessLayout,
  stdio: StdioOptions,
): ChildProcess {
  return fork(fileURLToPath(script), [], {
    env: { ...processEnvironment(options), ...env },
    stdio,
  });
}
