import { fork } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describeJob } from "../../coordinator/job/describe-job.ts";
import { workPaths } from "../../coordinator/publish/work-paths.ts";
import { deferred } from "../../shared/core/abort.ts";
import { errorFromData, ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { resolveDevice } from "../../shared/onnx/resolve-device.ts";
import { processArguments, processEnvironment } from "../../worker/process/process-arguments.ts";
import { layOutProcesses } from "../../worker/process/process-layout.ts";
import { makeScratch } from "../../worker/process/scratch.ts";
import type { ProcessLayout } from "../../worker/process/supervisor.ts";
import type { PreviewFormat } from "./picture.ts";
import type { RowTrace } from "./row-trace.ts";
import type { FromTryProcess, TriedSlice, TryTask } from "./try-protocol.ts";

interface TryOptions {
  readonly slices: readonly TriedSlice[];
  /** What the terminal can show of pictures; null: nothing. */
  readonly preview: PreviewFormat | null;
  /** Called with each row as soon as it is through; false when that was enough. */
  readonly onRow: (trace: RowTrace) => boolean;
}

/**
 * Sends rows of a planned job through a worker's pipeline in a process of its own, on one lane of the device
 * that the job asks for. Nothing is written but scratch files, which are gone afterwards.
 *
 * @throws what a run would fail with before its first row
 */
export async function tryJob(planned: PlannedJob, options: TryOptions): Promise<void> {
  const [layout] = await layOutProcesses({
    device: await resolveDevice(planned.spec.model.device),
    ...{ workers: 1, lanes: 1, threads: "auto", shardThreads: 1 },
    access: "shared",
    // It is the user's own machine, and own job.
    allowsModules: true,
    logLevel: "silent",
    giveUpMs: 0,
  });
  if (layout === undefined) throw new Error("broken invariant: one worker is asked for");
  const scratchPath = await makeScratch();
  try {
    const { partials: partialsPath } = workPaths(scratchPath);
    const job = describeJob("try", planned, {
      partialsPath,
      beacon: { path: partialsPath, content: "" },
    });
    const { slices, preview } = options;
    await runProcess(layout, { job, slices, preview, scratchPath, worker: layout.options }, options.onRow);
  } finally {
    await rm(scratchPath, { recursive: true, force: true });
  }
}

/** It is killed when the rows are through: whatever a step still holds goes with it. */
async function runProcess(
  { options, env }: ProcessLayout,
  task: TryTask,
  onRow: TryOptions["onRow"],
): Promise<void> {
  const child = fork(fileURLToPath(compiledUrl("estimate/try/try-process.ts")), [], {
    env: { ...processEnvironment(options), ...env },
    execArgv: [...process.execArgv, ...processArguments(options.shardThreads)],
    // What own code prints is for who watches, and never in the middle of a result.
    stdio: ["ignore", 2, "inherit", "ipc"],
  });
  const ended = deferred<void>();
  const exited = deferred<void>();
  let isEnough = false;
  child.on("message", (message: FromTryProcess) => {
    if (isEnough || (message.kind === "row" && onRow(message.trace))) return;
    // More rows may be on their way.
    isEnough = true;
    if (message.kind !== "failed") ended.resolve();
    else ended.reject(errorFromData(message.error));
  });
  child.on("error", (error) => ended.reject(error));
  child.once("exit", (code, signal) => {
    exited.resolve();
    const how = signal ?? `code ${code}`;
    ended.reject(new ShardmillError("WORKER_DIED", `the process that tries the rows ended with ${how}`));
  });
  child.send(task);
  try {
    await ended.promise;
  } finally {
    child.kill("SIGKILL");
    if (child.pid !== undefined) await exited.promise;
  }
}
