import { describeJob } from "../../coordinator/job/describe-job.ts";
import { workPaths } from "../../coordinator/publish/work-paths.ts";
import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { ProcessLink } from "../../shared/core/remote/process-link.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import type { PreviewFormat } from "../../shared/extension/feature-viewer.ts";
import type { ProcessLayout } from "../../worker/process/start-process.ts";
import { forkPipeline, withPipelines } from "../pipeline/pipelines.ts";
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
  const counts = { workers: 1, lanes: 1, threads: "auto", shardThreads: 1 } as const;
  await withPipelines(planned.spec.model.device, counts, async ({ processes: [layout], scratchPath }) => {
    const { partials: partialsPath } = workPaths(scratchPath);
    const beacon = { path: partialsPath, content: "" };
    const job = describeJob(asJobId("try"), planned, { partialsPath, beacon });
    const { slices, preview, onRow } = options;
    const one = present(layout, "one worker is laid out");
    await runProcess(one, { job, slices, preview, scratchPath, worker: one.options }, onRow);
  });
}

/** It is killed when the rows are through: whatever a step still holds goes with it. */
async function runProcess(layout: ProcessLayout, task: TryTask, onRow: TryOptions["onRow"]): Promise<void> {
  const script = compiledUrl("extensions/try/try-process.ts");
  // What own code prints is for who watches, and never in the middle of a result.
  const child = forkPipeline(script, layout, ["ignore", 2, "inherit", "ipc"]);
  const lost = (end: RemoteEnd) =>
    new ShardmillError("WORKER_DIED", `the process that tries the rows ended with ${endText(end)}`);
  await using remote = new Remote<TryProcess>(new ProcessLink(child), { lost });
  const enough = new AbortController();
  const onEvent = (trace: RowTrace) => {
    // More rows may be on their way.
    if (!enough.signal.aborted && !onRow(trace)) enough.abort();
  };
  try {
    await remote.call("run", task, { onEvent, signal: enough.signal });
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  }
}
