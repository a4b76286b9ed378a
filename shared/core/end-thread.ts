import type { Worker } from "node:worker_threads";

/** Threads that were told to end, and had not when nobody would wait for them any longer. */
const left = new Set<Worker>();

/** The id of a thread that has ended. */
const GONE = -1;

export function hasEnded(thread: Worker): boolean {
  return thread.threadId === GONE;
}

/**
 * Waits for the end of a thread that has been told to end. One that has not ended after `limitMs` is left
 * behind, and keeps the process no longer.
 *
 * Law: a thread that may be inside a native call is never ended by force, neither by `terminate` nor by
 * `process.exit`. ONNX Runtime and DuckDB hand their result to the thread when the call returns, and a thread
 * that is being ended takes none: they abort the whole process then.
 *
 * @returns whether it has ended
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

/** Ends this process; by force when threads were left behind, which an exit would wait for. */
export function exitProcess(code: number): never {
  if (left.size > 0) killProcess();
  process.exit(code);
}

/** Ends this process now, whatever its threads are in. What it holds is lost, as when its machine dies. */
export function killProcess(): never {
  process.kill(process.pid, "SIGKILL");
  throw new Error("broken invariant: a process outlived its own kill");
}
