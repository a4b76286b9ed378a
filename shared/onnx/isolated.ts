import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { messageOf } from "../core/errors.ts";
import { ProcessLink } from "../core/remote/process-link.ts";
import { Remote, type RemoteEnd, RemoteLost } from "../core/remote/remote.ts";
import { serveOwner } from "../core/remote/serve-owner.ts";
import type { SpareProcess } from "../core/spare-process.ts";
import { formatBytes } from "../core/units.ts";
import { COUNTS_OWNER, type CountsOwner, reportCounts } from "../http/report-counts.ts";

/** Outcome of a child process's one task. */
type Ending =
  | { readonly kind: "answered"; readonly value: unknown }
  /** Outcome of a process that ended without an answer: a native crash, or an external kill. */
  | { readonly kind: "crashed"; readonly how: string }
  | { readonly kind: "timedOut" }
  /** Outcome of a process that exceeded its memory limit. `bytes`: memory that it held. */
  | { readonly kind: "overMemory"; readonly bytes: number };

export type IsolatedResult = Ending & {
  /** End of the process's output there. */
  readonly stderr: string;
};

/** Compiled script that answers with `answerIsolated`, or a warm process of such a script. */
type IsolatedScript =
  | { readonly processes: SpareProcess }
  | {
      readonly script: URL;
      /** Environment of the process. Default: this process's. */
      readonly env?: NodeJS.ProcessEnv;
    };

interface IsolatedLimits {
  readonly limitMs: number;
  /** Limit of the process's memory. Default: none. */
  readonly memoryLimitBytes?: number;
}

type IsolatedOptions = IsolatedScript &
  IsolatedLimits & {
    /** Argument of the task, plain JSON. */
    readonly argument: unknown;
    readonly signal: AbortSignal;
  };

/** Methods of such a process. */
interface IsolatedProcess {
  run(argument: unknown): unknown;
}

/** Limit of kept output: enough for a native library's last messages. More would only grow the error. */
const STDERR_BYTES = 8 * 1024;

/** Starts a process of such a script, which loads and waits for its task. */
export function forkIsolated(script: URL, env?: NodeJS.ProcessEnv): ChildProcess {
  return fork(fileURLToPath(script), [], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // Flags meant for this process (a test runner's loader, an inspector's port) do not apply to the child.
    execArgv: [],
    ...(env === undefined ? {} : { env }),
  });
}

/**
 * Runs a script in a separate process and returns its one answer. For native code that may crash, hang or
 * fill its process's memory. The child has exited on return.
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
    // After the answer, an exit might hang in a driver's handlers: end the process.
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

/** Returns the reason for a missing answer, for people. Meant for scripts that read untrusted files. */
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

/** Serves `runIsolated` from the script: runs the task with its argument, and returns the answer. */
export function answerIsolated(task: (argument: unknown) => Promise<unknown>): void {
  const methods: IsolatedProcess = {
    async run(argument) {
      const answer = await task(argument);
      report();
      return answer;
    },
  };
  const report = reportCounts(serveOwner<IsolatedProcess, CountsOwner>(methods));
}

function tailOf(child: ChildProcess): () => string {
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-STDERR_BYTES);
  });
  return () => tail.trim();
}
