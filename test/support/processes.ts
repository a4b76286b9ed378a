import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";
import { hasLiving } from "./process-group.ts";

/** End of a command from the build, and its output. */
export interface CliResult {
  /** Exit code. Null: a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface CliOptions {
  readonly cwd?: string;
  /** Additions to a plain environment, without colours and settings of the user. */
  readonly env?: Readonly<Record<string, string>>;
  /** Command that runs the given command line, as `nice` does. */
  readonly wrap?: readonly string[];
  /** Script to run. Default: Shardmill's. */
  readonly main?: string;
  /** Limit after which the command and all of its processes are killed, and the test fails. */
  readonly limitMs?: number;
}

const LIMIT_MS = 240_000;
/** The bundled command, as it is installed. */
export const SHARDMILL_MAIN = join(packageRoot, "dist", "bundle", "cli", "main.js");

/** Runs `shardmill ...args` from the build to its end, and checks that no process of it is left. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  await using cli = startCli(args, options);
  return await cli.ended;
}

export function startCli(args: readonly string[], options: CliOptions = {}): CliProcess {
  return new CliProcess(args, options);
}

/** A running command in its own process group, so that all of its processes can be found and killed. */
export class CliProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  /**
   * Resolves when the command and all of its processes have exited. Rejects when one is left after the limit.
   */
  readonly ended: Promise<CliResult>;
  stdout = "";
  stderr = "";
  /**
   * True once the exit was seen. The PID may then belong to another process, which must not receive signals.
   */
  #isGone = false;
  readonly #startedMs = performance.now();

  constructor(args: readonly string[], options: CliOptions) {
    const { PATH, HOME, TMPDIR, VK_DRIVER_FILES } = process.env;
    const { SHARDMILL_CACHE, SHARDMILL_STATE, SHARDMILL_SECRET_FILE } = process.env;
    const own = { SHARDMILL_CACHE, SHARDMILL_STATE, SHARDMILL_SECRET_FILE };
    const inherited = { PATH, HOME, TMPDIR, VK_DRIVER_FILES, ...own };
    const { main = SHARDMILL_MAIN } = options;
    const [command = process.execPath, ...rest] = [...(options.wrap ?? []), process.execPath, main, ...args];
    this.child = spawn(command, rest, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: definedOnly({ ...inherited, ...options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = this.#end(args, options.limitMs ?? LIMIT_MS);
    this.ended.catch(() => {});
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error("it did not start");
    return this.child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Sends a signal to the command and all of its processes. */
  killGroup(signal: NodeJS.Signals): void {
    if (!this.#isGone) process.kill(-this.pid, signal);
  }

  /** Resolves once stdout and stderr together match the pattern. Rejects when the command ends before. */
  async saw(pattern: RegExp): Promise<RegExpExecArray> {
    const over = this.ended.then(() => true);
    for (;;) {
      const found = pattern.exec(this.stdout + this.stderr);
      if (found !== null) return found;
      const ended = await Promise.race([over, pause(20).then(() => false)]);
      if (ended && !pattern.test(this.stdout + this.stderr)) throw this.#error(`ended without ${pattern}`);
    }
  }

  /** Returns true while the command, or any of its processes, runs. */
  groupLives(): boolean {
    if (this.#isGone) return false;
    try {
      process.kill(-this.pid, 0);
    } catch {
      return false;
    }
    return hasLiving(this.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.groupLives()) process.kill(-this.pid, "SIGKILL");
    await this.ended.catch(() => {});
  }

  async #end(args: readonly string[], limitMs: number): Promise<CliResult> {
    // `close` comes when the last process that holds its stderr has exited, which may be a child.
    const closed = new Promise<boolean>((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", () => resolve(true));
    });
    const limit = new AbortController();
    const inTime = await Promise.race([closed, pause(limitMs, limit.signal).then(() => false)]);
    limit.abort();
    if (inTime && (await this.#groupGoes())) {
      this.#isGone = true;
      const { exitCode: code, signalCode: signal } = this.child;
      const seconds = (performance.now() - this.#startedMs) / 1000;
      return { code, signal, stdout: this.stdout, stderr: this.stderr, seconds };
    }
    const what = inTime ? "left processes behind" : `did not end in ${limitMs / 1_000} s`;
    // Printed, because a test that waits for something else would only notice the missing process.
    process.stderr.write(`shardmill ${args.join(" ")} ${what}, and is killed\n`);
    if (this.groupLives()) process.kill(-this.pid, "SIGKILL");
    throw this.#error(`shardmill ${args.join(" ")}: ${what}`);
  }

  /**
   * Waits for children of a killed process, which exit once they notice. On a busy machine that takes
   * seconds.
   */
  async #groupGoes(): Promise<boolean> {
    for (let tries = 0; tries < 500 && this.groupLives(); tries += 1) await pause(20);
    return !this.groupLives();
  }

  #error(what: string): Error {
    return new Error(`${what}\nstdout: ${this.stdout}\nstderr: ${this.stderr}`);
  }
}

function definedOnly(values: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
