import { fork } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describeJob } from "../../coordinator/job/describe-job.ts";
import { workPaths } from "../../coordinator/publish/work-paths.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { ProcessLink } from "../../shared/core/remote/process-link.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import type { PreviewFormat } from "../../shared/extension/feature-viewer.ts";
import { resolveDevice } from "../../shared/onnx/resolve-device.ts";
import { processArguments, processEnvironment } from "../../worker/process/process-arguments.ts";
import { layOutProcesses } from "../../worker/process/process-layout.ts";
import { makeScratch } from "../../worker/process/scratch.ts";
import type { ProcessLayout } from "../../worker/process/start-process.ts";
import type { RowTrace } from "./row-trace.ts";
import type { TriedSlice, TryProcess, TryTask } from "./try-protocol.ts";

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
  const child = fork(fileURLToPath(compiledUrl("extensions/try/try-process.ts")), [], {
    env: { ...processEnvironment(options), ...env },
    execArgv: [...process.execArgv, ...processArguments(options.shardThreads)],
    // What own code prints is for who watches, and never in the middle of a result.
    stdio: ["ignore", 2, "inherit", "ipc"],
  });
  const lost = (end: RemoteEnd) =>
    new ShardmillError("WORKER_DIED", `the process that tries the rows ended with ${endText(end)}`);
  await using remote = new Remote<TryProcess>(new ProcessLink(child), { lost });
  const enough = new AbortController();
  const onEvent = (trace: RowTrace) => {
    // More rows may be on their way.
    if (!enough.signal.aborted && !onRow(trace)) enough.abort();
  };
  try {
    await remote.call("run", task, enough.signal, { onEvent });
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  }
}
