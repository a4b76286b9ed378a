import type { Coordinator, SubmitOptions } from "../coordinator/coordinator.ts";
import type { JobHandle } from "../coordinator/job/job-handle.ts";
import { orAbort } from "../shared/core/abort.ts";
import { formatCount } from "../shared/core/units.ts";
import type { JobSource } from "../shared/job-file/read-job-file.ts";
import { oneLine } from "./render/text.ts";
import type { StopSignals } from "./stop-signals.ts";

/** Thousands of files, or a large model, take a while to check: nobody should wonder for longer than this. */
const QUIET_MS = 3_000;

interface BeginOptions extends Omit<SubmitOptions, "signal" | "onWaiting"> {
  readonly stops: Pick<StopSignals, "asked" | "atOnce">;
}

/**
 * Hands a job to the coordinator of this process, and says on stderr how it begins.
 *
 * @throws everything that planning says, each problem with its place in the job file; {INTERRUPTED} when
 * stopped before
 */
export async function beginJob(
  coordinator: Coordinator,
  source: JobSource,
  { stops, ...options }: BeginOptions,
): Promise<JobHandle> {
  const submitted = coordinator.submit(source.spec, {
    ...options,
    signal: stops.asked,
    onWaiting: (message) => process.stderr.write(`${message}\n`),
  });
  const patience = setTimeout(
    () => process.stderr.write("checking the input, the model and the SQL ...\n"),
    QUIET_MS,
  );
  const handle = await orAbort(submitted, stops.atOnce)
    .catch((error: unknown) => Promise.reject(source.withLines(error)))
    .finally(() => clearTimeout(patience));
  for (const line of [originLine(handle, coordinator.address), ...handle.notes.map(oneLine)]) {
    process.stderr.write(`${line}\n`);
  }
  return handle;
}

/** New, resumed, or nothing left to do. */
function originLine({ origin, jobId }: JobHandle, address: string): string {
  switch (origin.kind) {
    case "new":
      return `job ${jobId}, coordinator on ${address}`;
    case "resumed": {
      const after =
        origin.after === "interruption"
          ? "an interruption"
          : `it ${origin.after === "failed" ? "failed" : "was cancelled"}`;
      const done = `${formatCount(origin.shardsCommitted)} of ${formatCount(origin.shardsTotal)} shards are done already`;
      return `job ${jobId} goes on after ${after}: ${done}; coordinator on ${address}`;
    }
    case "published":
      return `job ${jobId} is published already; --fresh runs it again`;
    default:
      return origin satisfies never;
  }
}
