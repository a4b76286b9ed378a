import { readFile, writeFile } from "node:fs/promises";

/**
 * How often a process's memory is looked at. Fresh pages come at a few gigabytes a second, so a process is
 * found at most some hundred megabytes above its limit.
 */
const LOOK_MS = 50;

/**
 * Watches the memory of a process that parses what strangers wrote, and calls `onOver` once when it holds
 * more than `limitBytes` of its own (mapped files do not count). V8's own limits bound neither native code
 * nor WebAssembly, and an address-space limit would: but it also refuses the terabytes that both only
 * reserve.
 *
 * The process is also made the first that the kernel ends when the machine runs out of memory. Both need
 * Linux's `/proc`; elsewhere the process's time limit is all that holds it.
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
    // Where this is not allowed, the process is no worse off than any other.
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

/** Anonymous memory of a process, in bytes; null when it has ended. */
async function ownBytes(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}
