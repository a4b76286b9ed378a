import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { sleep } from "../../shared/core/abort.ts";
import { whenAborted } from "../../shared/terminal/stop-signals.ts";

/** Command line of this program, with the environment of its processes. */
export interface CommandLine {
  readonly main: URL;
  readonly env: NodeJS.ProcessEnv;
}

interface RunOptions {
  /** Receives the beginning of stderr up to now, each time that it grows. */
  readonly onStderr?: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Time between the signals that stop a command: two of the first kind end a run at once. */
const STOP_MS = 300;
const KILL_MS = 5_000;
/** Limit of kept stderr. Only its beginning is read, and its end is shown. */
const STDERR_CHARS = 64 << 10;

/** Failure of a command, with its own words. */
export class CommandFailed extends Error {
  readonly hint: string | null;

  constructor(message: string, hint: string | null) {
    super(message);
    this.hint = hint;
  }
}

/**
 * Runs a command with `--json` to its end, and returns its JSON. No process of it is left afterwards.
 *
 * @throws {CommandFailed} when the command fails
 * @throws the signal's reason
 */
export async function runCommand(
  { main, env }: CommandLine,
  args: readonly string[],
  { onStderr = () => {}, signal }: RunOptions,
): Promise<unknown> {
  signal.throwIfAborted();
  const child = spawn(process.execPath, [fileURLToPath(main), ...args, "--json"], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, by) => resolve(by ?? `exit code ${code}`));
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(0, STDERR_CHARS);
    onStderr(stderr);
  });
  whenAborted(() => void stop(child), signal);
  const end = await ended;
  signal.throwIfAborted();
  if (child.exitCode !== 0) throw failureOf(stdout, stderr, end);
  return JSON.parse(stdout);
}

/** Asks the command to stop at once, and kills it if it does not. Its workers end with it. */
async function stop(child: ReturnType<typeof spawn>): Promise<void> {
  const over = new AbortController();
  child.once("close", () => over.abort());
  child.kill("SIGTERM");
  await sleep(STOP_MS, over.signal).catch(() => {});
  child.kill("SIGTERM");
  await sleep(KILL_MS, over.signal).catch(() => {});
  child.kill("SIGKILL");
}

function failureOf(stdout: string, stderr: string, end: string): CommandFailed {
  try {
    const { message, hint } = JSON.parse(stdout).error;
    return new CommandFailed(String(message), typeof hint === "string" ? hint : null);
  } catch {
    const last = stderr.trim().split("\n").at(-1) ?? "";
    return new CommandFailed(last === "" ? `it ended with ${end}` : last, null);
  }
}
