import { mkdirSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { join } from "node:path";
import { isMainThread, threadId } from "node:worker_threads";

/**
 * Preload (`NODE_OPTIONS=--import`) that writes a CPU profile of each thread when it ends. Like `node
 * --cpu-prof`, for a process whose command line is fixed.
 */
const folder = process.env.BENCH_PROFILE_FOLDER;
if (folder !== undefined) {
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: 1_000 });
  session.post("Profiler.start");
  process.once("exit", () => {
    session.post("Profiler.stop", (_error, { profile }) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(
        join(folder, `${isMainThread ? "main" : `thread-${threadId}`}.cpuprofile`),
        JSON.stringify(profile),
      );
    });
  });
}
