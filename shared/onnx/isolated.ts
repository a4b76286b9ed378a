import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { messageOf } from "../core/errors.ts";
import { ProcessLink } from "../core/remote/process-link.ts";
import { Remote, type RemoteEnd, RemoteLost } from "../core/remote/remote.ts";
import { serveOwner } from "../core/remote/serve-owner.ts";
import type { SpareProcess } from "../core/spare-process.ts";
import { formatBytes } from "../core/units.ts";
import { COUNTS_OWNER, type CountsOwner, tellCounts } from "../http/told-counts.ts";

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
    readonly signal: AbortSignal;
  };

/** Methods of such a process. */
interface IsolatedProcess {
  run(argument: unknown): unknown;
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
 * Runs a script in a process of its own and returns its one answer: for native code that may crash, hang or
 * fill the memory of the process that calls it. The child is gone when this returns.
 */
export async function runIsolated(options: IsolatedOptions): Promise<IsolatedResult> {
  const { signal, limitMs, argument } = options;
  signal.throwIfAborted();
  const child = "processes" in options ? options.processes.take() : forkIsolated(options.script, options.env);
  const stderr = tailOf(child);
  const link = new ProcessLink(child, options.memoryLimitBytes ?? Number.POSITIVE_INFINITY);
  const remote = new Remote<IsolatedProcess>(link, { serves: COUNTS_OWNER });
  const ending = await remote
    .call("run", argument, { limitMs, signal })
    .then((value): Ending => ({ kind: "answered", value }), endingOf)
    // After an answer nothing is left to wait for, and a driver may hang in its exit handlers.
    .finally(() => remote[Symbol.asyncDispose]());
  signal.throwIfAborted();
  return { ...ending, stderr: stderr() };
}

function endingOf(error: unknown): Ending {
  const end: RemoteEnd | null = error instanceof RemoteLost ? error.end : null;
  if (end?.kind === "time") return { kind: "timedOut" };
  if (end?.kind === "memory") return { kind: "overMemory", bytes: end.bytes };
  const bySignal = end?.kind === "exited" && end.by !== null;
  return { kind: "crashed", how: `${bySignal ? "signal " : ""}${messageOf(error)}` };
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

/** Serves `runIsolated` from the script: does the task with its argument, and returns the answer. */
export function answerIsolated(task: (argument: unknown) => Promise<unknown>): void {
  const methods: IsolatedProcess = {
    async run(argument) {
      const answer = await task(argument);
      tell();
      return answer;
    },
  };
  const tell = tellCounts(serveOwner<IsolatedProcess, CountsOwner>(methods));
}

function tailOf(child: ChildProcess): () => string {
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-STDERR_BYTES);
  });
  return () => tail.trim();
}
