import type { Worker } from "node:worker_threads";

/** Threads that did not end within their limit after a request to end. */
const left = new Set<Worker>();

/** Id of a thread that has ended. */
const GONE = -1;

export function hasEnded(thread: Worker): boolean {
  return thread.threadId === GONE;
}

/**
 * Waits until a thread that was asked to end has ended. After `limitMs`, the thread no longer keeps the
 * process alive.
 *
 * Law: a thread that may be inside a native call is never ended by force, by `terminate` or `process.exit`.
 * ONNX Runtime and DuckDB pass their result to the thread when the call returns. A thread that is being ended
 * takes no result, and they abort the whole process.
 *
 * @returns true when the thread has ended
 */
export async function untilEnded(thread: Worker, limitMs: number): Promise<boolean> {
  if (hasEnded(thread)) return true;
  return new Promise((resolve) => {
    const leave = () => {
      thread.unref();
      left.add(thread);
      resolve(false);
    };
    const timer = Number.isFinite(limitMs) ? setTimeout(leave, limitMs) : undefined;
    thread.once("exit", () => {
      clearTimeout(timer);
      left.delete(thread);
      resolve(true);
    });
  });
}

/** Ends this process. Kills it when threads were left behind, because an exit would wait for them. */
export function exitProcess(code: number): never {
  if (left.size > 0) killProcess();
  process.exit(code);
}

/** Kills this process now, whatever its threads do. Unsaved state is lost, as in a machine failure. */
export function killProcess(): never {
  process.kill(process.pid, "SIGKILL");
  throw new Error("broken invariant: a process outlived its own kill");
}
