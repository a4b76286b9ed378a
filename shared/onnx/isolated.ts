import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { deferred } from "../core/abort.ts";
import { present } from "../core/assert.ts";
import { watchMemory } from "../core/memory-watch.ts";
import type { SpareProcess } from "../core/spare-process.ts";
import { formatBytes } from "../core/units.ts";
import type { StoreCounts } from "../domain/store-counts.ts";
import { processTally, takeCounts } from "../http/store-tally.ts";
import { hearCounts, isCounts, tellCounts } from "../http/told-counts.ts";

/** How a child process's one task ended. */
type Ending =
  | { readonly kind: "answered"; readonly value: unknown }
  /** The process ended without an answer: a native crash, or killed from outside. */
  | { readonly kind: "crashed"; readonly how: string }
  | { readonly kind: "timedOut" }
  /** It held so much more memory than it was allowed. */
  | { readonly kind: "overMemory"; readonly bytes: number };

export type IsolatedResult = Ending & {
  /** The end of what it wrote there. */
  readonly stderr: string;
};

/** What runs: a compiled script, which answers with `answerIsolated`, or a process of such a script. */
type IsolatedScript =
  | { readonly processes: SpareProcess }
  | {
      readonly script: URL;
      /** Instead of this process's environment. */
      readonly env?: NodeJS.ProcessEnv;
    };

interface IsolatedLimits {
  readonly limitMs: number;
  /** Left out: as much as there is. */
  readonly memoryLimitBytes?: number;
}

type IsolatedOptions = IsolatedScript &
  IsolatedLimits & {
    /** Plain JSON. */
    readonly argument: unknown;
    readonly signal?: AbortSignal;
  };

/** What the script is sent. */
interface Task {
  readonly argument: unknown;
}

/** What it sends. */
interface Told {
  readonly value: unknown;
  /** What it asked of stores. */
  readonly stores: readonly StoreCounts[];
}

/** Enough for a native library's last words; more would only grow the error. */
const STDERR_BYTES = 8 * 1024;

/** Starts such a script: it loads, and waits for its task. */
export function forkIsolated(script: URL, env?: NodeJS.ProcessEnv): ChildProcess {
  return fork(fileURLToPath(script), [], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // Flags meant for this process (a test runner's loader, an inspector's port) are not the child's.
    execArgv: [],
    ...(env === undefined ? {} : { env }),
  });
}

/**
 * Runs a script in a process of its own and gives back its one answer: for native code that may crash, hang
 * or eat the memory of whatever process calls it. The child is gone when this returns, whichever way it went.
 */
export async function runIsolated(options: IsolatedOptions): Promise<IsolatedResult> {
  options.signal?.throwIfAborted();
  const child = "processes" in options ? options.processes.take() : forkIsolated(options.script, options.env);
  const stderr = tailOf(child);
  const closed = deferred<void>();
  let ending: Ending | undefined;
  const end = (how: Ending) => {
    // The first ending counts. After an answer nothing is left to wait for, and a driver may hang in its exit
    // handlers.
    ending ??= how;
    child.kill("SIGKILL");
  };
  hearCounts(child);
  child.on("message", (message: Told) => {
    if (isCounts(message)) return;
    processTally.add(message.stores);
    end({ kind: "answered", value: message.value });
  });
  child.once("error", (error) => {
    ending ??= { kind: "crashed", how: error.message };
    // A process that never started emits no "close".
    if (child.pid === undefined) closed.resolve();
  });
  child.once("close", (code, signal) => {
    ending ??= { kind: "crashed", how: signal === null ? `exit code ${code}` : `signal ${signal}` };
    closed.resolve();
  });
  using _watch = watchMemory(child.pid ?? 0, {
    limitBytes: options.memoryLimitBytes ?? Number.POSITIVE_INFINITY,
    onOver: (bytes) => end({ kind: "overMemory", bytes }),
  });
  const timer = setTimeout(() => end({ kind: "timedOut" }), options.limitMs);
  const onAbort = () => end({ kind: "timedOut" });
  options.signal?.addEventListener("abort", onAbort, { once: true });
  // A process that is gone by now says so by its end.
  child.send({ argument: options.argument } satisfies Task, () => {});
  try {
    await closed.promise;
    options.signal?.throwIfAborted();
    return { ...present(ending, "a closed process has ended somehow"), stderr: stderr() };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

/** Why there is no answer, for people, where the script reads what cannot be trusted. */
export function whyNoAnswer(
  result: Exclude<IsolatedResult, { readonly kind: "answered" }>,
  { limitMs, memoryLimitBytes = 0 }: IsolatedLimits,
): string {
  switch (result.kind) {
    case "crashed":
      return `reading it crashed (${result.how})`;
    case "timedOut":
      return `reading it takes more than ${limitMs / 1000} s`;
    case "overMemory":
      return `reading it takes more than ${formatBytes(memoryLimitBytes)} of memory`;
  }
}

/**
 * For the script: does the one task with the argument that `runIsolated` was given, and sends what it
 * returns.
 */
export async function answerIsolated(task: (argument: unknown) => Promise<unknown>): Promise<void> {
  // The parent is gone: nobody waits for the answer.
  process.once("disconnect", () => process.exit(1));
  // Ctrl-C reaches the whole process group; what becomes of this process is the parent's to say.
  process.on("SIGINT", () => {});
  const asked = deferred<unknown>();
  process.once("message", ({ argument }: Task) => asked.resolve(argument));
  // It went before anybody listened.
  if (!process.connected) process.exit(1);
  tellCounts();
  const value = await task(await asked.promise);
  process.send?.({ value, stores: takeCounts() } satisfies Told);
}

function tailOf(child: ChildProcess): () => string {
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-STDERR_BYTES);
  });
  return () => tail.trim();
}
