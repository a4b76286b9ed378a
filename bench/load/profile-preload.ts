import { mkdirSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";

/**
 * Loaded before a process's own code (`NODE_OPTIONS=--import`), it writes a CPU profile of the main thread
 * when that process ends: `node --cpu-prof` for a process whose command line is somebody else's.
 */
const folder = process.env.BENCH_PROFILE_FOLDER;
if (folder !== undefined && isMainThread) {
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: 1_000 });
  session.post("Profiler.start");
  process.once("exit", () => {
    session.post("Profiler.stop", (_error, { profile }) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `${process.pid}.cpuprofile`), JSON.stringify(profile));
    });
  });
}
