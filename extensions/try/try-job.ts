import { describeJob } from "../../coordinator/job/describe-job.ts";
import { workPaths } from "../../coordinator/publish/work-paths.ts";
import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { ProcessLink } from "../../shared/core/remote/process-link.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import { lastStageOf } from "../../shared/domain/job-stages.ts";
import type { PreviewFormat } from "../../shared/extension/feature-viewer.ts";
import type { ProcessLayout } from "../../worker/process/start-process.ts";
import { forkPipeline, withPipelines } from "../pipeline/pipelines.ts";
import type { RowTrace } from "./row-trace.ts";
import type { TriedSlice, TryProcess, TryTask } from "./try-protocol.ts";

interface TryOptions {
  readonly slices: readonly TriedSlice[];
  /** Preview format of the terminal. Null: it cannot show pictures. */
  readonly preview: PreviewFormat | null;
  /** Called with each row as soon as it is complete. Returns false to stop. */
  readonly onRow: (trace: RowTrace) => boolean;
}

/**
 * Runs rows of a planned job through a worker's pipeline, in a separate process. It uses one lane of the
 * job's device. It writes scratch files only, and removes them.
 *
 * @throws the errors of a run before its first row
 */
export async function tryJob(planned: PlannedJob, options: TryOptions): Promise<void> {
  const counts = { workers: 1, lanes: 1, threads: "auto", shardThreads: 1 } as const;
  await withPipelines(
    lastStageOf(planned.spec).model?.device ?? null,
    counts,
    async ({ processes: [layout], scratchPath }) => {
      const { partials: partialsPath } = workPaths(scratchPath);
      const beacon = { path: partialsPath, content: "" };
      const job = describeJob(asJobId("try"), planned, { partialsPath, beacon });
      const { slices, preview, onRow } = options;
      const one = present(layout, "one worker is laid out");
      await runProcess(one, { job, slices, preview, scratchPath, worker: one.options }, onRow);
    },
  );
}

/** Runs the process, and kills it after the rows, with any resources that a step still holds. */
async function runProcess(layout: ProcessLayout, task: TryTask, onRow: TryOptions["onRow"]): Promise<void> {
  const script = compiledUrl("extensions/try/try-process.ts");
  // Output of custom code goes to stderr, so it never mixes with the results.
  const child = forkPipeline(script, layout, ["ignore", 2, "inherit", "ipc"]);
  const lost = (end: RemoteEnd) =>
    new ShardmillError("WORKER_LOST", `the process that tries the rows ended with ${endText(end)}`);
  await using remote = new Remote<TryProcess>(new ProcessLink(child), { lost });
  const enough = new AbortController();
  const onEvent = (trace: RowTrace) => {
    // Further rows may arrive after the last wanted one.
    if (!enough.signal.aborted && !onRow(trace)) enough.abort();
  };
  try {
    await remote.call("run", task, { onEvent, signal: enough.signal });
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  }
}
