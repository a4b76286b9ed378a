import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processesWith } from "./left-processes.ts";

/**
 * Opens a temporary folder for all files of a command, and for the processes that it starts. Disposal or a
 * signal removes the files and kills the processes. Those are in process groups of their own, so the signal
 * would not reach them.
 */
export async function openOwnTempFolder(): Promise<AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-fault-"));
  process.env.TMPDIR = folder;
  // Synchronous: nothing here may start another process between the kills and the exit.
  const clear = () => {
    for (const { pid } of processesWith(folder)) kill(pid);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const stop = () => {
    clear();
    process.exit(130);
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  return {
    async [Symbol.asyncDispose]() {
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
      clear();
    },
  };
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // The process has already ended.
  }
}
