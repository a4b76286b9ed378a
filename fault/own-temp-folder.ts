import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processesWith } from "./left-processes.ts";

/**
 * A temporary folder for everything that a command makes and starts. All of it goes when the folder is
 * disposed of, and when a signal stops the command: its processes are in groups of their own, and would not
 * hear of that.
 */
export async function openOwnTempFolder(): Promise<AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-fault-"));
  process.env.TMPDIR = folder;
  // Without a pause: what runs here must not start anything between the killing and the end.
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
    // It has ended by itself.
  }
}
