import { deferred } from "../../shared/core/abort.ts";
import { tellParent } from "../../shared/core/end-thread.ts";
import { errorToData } from "../../shared/core/errors.ts";
import type { FromWorkerProcess, ToWorkerProcess } from "../../worker/process/supervisor.ts";
import type { WorkerOptions } from "../../worker/process/worker.ts";
import { runSleepyWorker } from "./sleepy-worker.ts";

/**
 * The entry of a sleepy worker's process, under the real supervisor: in the place of
 * worker/process/worker-process.ts.
 */
async function main(): Promise<void> {
  const drain = new AbortController();
  process.on("disconnect", () => process.exit(1));
  const begun = deferred<WorkerOptions>();
  process.on("message", (message: ToWorkerProcess) => {
    if (message.kind === "begin") begun.resolve(message.options);
    else drain.abort(new Error("told to drain"));
  });
  const { coordinator, name } = await begun.promise;
  const shardMs = Number(process.env.BENCH_SHARD_MS ?? 0);
  const signals = { drain: drain.signal, stop: new AbortController().signal };
  try {
    const how = await runSleepyWorker({ coordinator, name, shardMs }, signals);
    await tellParent({ kind: "ended", how } satisfies FromWorkerProcess);
    process.exit(0);
  } catch (error) {
    await tellParent({ kind: "failed", error: errorToData(error) } satisfies FromWorkerProcess);
    process.exit(1);
  }
}

await main();
