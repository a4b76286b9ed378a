import { serveSupervisor } from "../../worker/process/serve-supervisor.ts";
import { runSleepyWorker } from "./sleepy-worker.ts";

// Entry of a sleepy worker's process, under the real supervisor, instead of worker/process/worker-process.ts.
serveSupervisor(
  Promise.resolve(({ options: { coordinator, name } }, { drain }) => {
    const shardMs = Number(process.env.BENCH_SHARD_MS ?? 0);
    const signals = { drain: drain.signal, stop: new AbortController().signal };
    return runSleepyWorker({ coordinator, name, shardMs }, signals);
  }),
);
