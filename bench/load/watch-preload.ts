import { appendFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread } from "node:worker_threads";

/** Line of JSON that a watched process writes every second, and at each SIGUSR2. */
export interface WatchLine {
  readonly atSeconds: number;
  /** Delay of the main thread's timers in the last second. */
  readonly loopDelayMs: { readonly p50: number; readonly p99: number; readonly highest: number };
  readonly heapBytes: number;
  /** Heap after a full garbage collection. Null, except after a SIGUSR2. */
  readonly liveHeapBytes: number | null;
}

export const WATCH_FILE = "watch.jsonl";

/** Line of JSON that each JavaScript thread of a watched process writes once. */
export interface ThreadLine {
  /** Id of the thread in Linux. */
  readonly tid: number;
  /** Name of its script. */
  readonly script: string;
}

export const THREADS_FILE = "threads.jsonl";

const RESOLUTION_MS = 5;

/** Preload (`NODE_OPTIONS=--import`). Does nothing unless the environment names a folder. */
const folder = process.env.BENCH_WATCH_FOLDER;
if (folder !== undefined && !isMainThread) {
  const tid = Number(basename(readlinkSync("/proc/thread-self")));
  const line: ThreadLine = { tid, script: basename(process.argv[1] ?? "") };
  appendFileSync(join(folder, THREADS_FILE), `${JSON.stringify(line)}\n`);
}
if (folder !== undefined && isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const write = (liveHeapBytes: number | null) => {
    const toMs = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
    const [p50, p99, highest] = [delay.percentile(50), delay.percentile(99), delay.max].map(toMs);
    const line: WatchLine = {
      atSeconds: Date.now() / 1000,
      loopDelayMs: { p50: p50 ?? 0, p99: p99 ?? 0, highest: highest ?? 0 },
      heapBytes: process.memoryUsage().heapUsed,
      liveHeapBytes,
    };
    appendFileSync(join(folder, WATCH_FILE), `${JSON.stringify(line)}\n`);
    delay.reset();
  };
  setInterval(write, 1_000, null).unref();
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  process.on("SIGUSR2", () => {
    if (typeof collect === "function") collect();
    write(process.memoryUsage().heapUsed);
  });
}
