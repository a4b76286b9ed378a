import { readFile, writeFile } from "node:fs/promises";

/**
 * Interval of memory checks. Fresh pages come at a few gigabytes a second. A process overshoots its limit by
 * some hundred megabytes at most.
 */
const LOOK_MS = 50;

/**
 * Watches the memory of a process that parses untrusted input. Calls `onOver` once when its own memory,
 * without mapped files, exceeds `limitBytes`. V8's limits cover neither native code nor WebAssembly. An
 * address-space limit covers both, but also rejects the terabytes that they only reserve.
 *
 * The kernel also ends this process first when the machine runs out of memory. Both need Linux's `/proc`. On
 * other systems only the process's time limit applies.
 */
export function watchMemory(
  pid: number,
  { limitBytes, onOver }: { readonly limitBytes: number; readonly onOver: (bytes: number) => void },
): Disposable {
  let watching = process.platform === "linux";
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const bytes = await ownBytes(pid);
    if (!watching || bytes === null) return;
    if (bytes > limitBytes) {
      watching = false;
      onOver(bytes);
      return;
    }
    timer = setTimeout(() => void look(), LOOK_MS);
  };
  if (watching) {
    // If this is not allowed, the process is treated like any other.
    writeFile(`/proc/${pid}/oom_score_adj`, "1000").catch(() => {});
    void look();
  }
  return {
    [Symbol.dispose]() {
      watching = false;
      clearTimeout(timer);
    },
  };
}

/** Returns the anonymous memory of a process, in bytes. Null: the process has ended. */
async function ownBytes(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}
