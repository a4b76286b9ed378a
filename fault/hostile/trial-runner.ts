import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { deferred } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { decoderMemoryEnvironment } from "../../shared/dataset/parquet-memory.ts";
import type { Outcome, Trial } from "./kinds.ts";
import { MemoryPeak } from "./memory-peak.ts";

/** Limit for any hostile file and parser, on a busy machine. */
const TRIAL_LIMIT_MS = 90_000;

/**
 * Limit for the process that tries files, and its children. Planning may take 2 GiB, and a decoder here as
 * much.
 */
const MEMORY_LIMIT_BYTES = 5 * 2 ** 30;
const DECODER_BYTES = 1.5 * 2 ** 30;

export interface MeasuredOutcome extends Outcome {
  readonly ms: number;
  readonly peakBytes: number;
}

/** Tries hostile files in a process that is restarted when a file has broken it. */
export class TrialRunner implements AsyncDisposable {
  readonly #folder: string;
  #child: ChildProcess | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async attempt(trial: Trial): Promise<MeasuredOutcome> {
    const child = this.#child ?? (await this.#start());
    using peak = new MemoryPeak(child.pid ?? 0);
    const startMs = performance.now();
    const outcome = await this.#ask(child, trial);
    const measured = { ms: performance.now() - startMs, peakBytes: await peak.take() };
    if (outcome.broken !== null) await this.#stop();
    const isOver = measured.peakBytes > MEMORY_LIMIT_BYTES;
    const broken = outcome.broken ?? (isOver ? `it took ${measured.peakBytes} bytes of memory` : null);
    return { ...outcome, ...measured, broken };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  async #ask(child: ChildProcess, trial: Trial): Promise<Outcome> {
    const answer = deferred<Outcome>();
    const died = (how: string) =>
      answer.resolve({ what: how, how: "crashed", broken: `its process ended: ${how}` });
    const onExit = (code: number | null, signal: string | null) => died(signal ?? `exit code ${code}`);
    const onMessage = (outcome: Outcome) => answer.resolve(outcome);
    const seconds = TRIAL_LIMIT_MS / 1000;
    const hung = { what: "no end", how: "hung", broken: `no end after ${seconds} s` };
    const timer = setTimeout(() => answer.resolve(hung), TRIAL_LIMIT_MS);
    child.once("exit", onExit).once("message", onMessage);
    try {
      child.send(trial, () => {});
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      child.off("exit", onExit).off("message", onMessage);
    }
  }

  /** Starts the process. Loading the product's code is not part of any trial. */
  async #start(): Promise<ChildProcess> {
    const script = fileURLToPath(compiledUrl("fault/hostile/trial-process.ts"));
    const child = fork(script, [this.#folder], {
      execArgv: [],
      env: { ...process.env, ...decoderMemoryEnvironment(DECODER_BYTES) },
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.#child = child;
    child.on("error", () => {});
    await Promise.race([once(child, "message"), once(child, "exit")]);
    return child;
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
}
