import { killProcess } from "../shared/core/end-thread.ts";
import { errorToData } from "../shared/core/errors.ts";
import type { FromSampleProcess, SampleTask, ToSampleProcess } from "./sample-protocol.ts";
import { runSample } from "./sample-worker.ts";

// The entry that `runSamples` starts: a worker's pipeline without a coordinator, until it is told to stop.
const stop = new AbortController();
process.on("SIGINT", () => {});
process.on("disconnect", killProcess);
process.on("message", (message: ToSampleProcess) => {
  if (message.kind === "begin") void run(message.task);
  else stop.abort();
});

async function run(task: SampleTask): Promise<void> {
  try {
    tell({ kind: "ended", result: await runSample(task, stop.signal, tell) });
  } catch (error) {
    tell({ kind: "failed", error: errorToData(error) });
  }
}

function tell(message: FromSampleProcess): void {
  process.send?.(message);
}
