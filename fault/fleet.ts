import type { KnownJob } from "../test/support/known-job.ts";
import { type CliProcess, startCli } from "../test/support/processes.ts";
import { childrenOf } from "./left-processes.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** No process of a round lives for longer, whatever goes wrong. */
const PROCESS_LIMIT_MS = 700_000;

/**
 * One `shardmill worker` command behind a network of its own: a supervisor, and under it the worker process.
 */
export class WorkerSlot implements AsyncDisposable {
  readonly index: number;
  readonly proxy: TcpProxy;
  /** A fault is at work on it: another would blur what this one proves. */
  busy = false;
  readonly #job: KnownJob;
  #supervisor: CliProcess;

  private constructor(index: number, job: KnownJob, proxy: TcpProxy) {
    this.index = index;
    this.proxy = proxy;
    this.#job = job;
    this.#supervisor = this.#spawn();
  }

  static async open(index: number, job: KnownJob, coordinatorPort: number): Promise<WorkerSlot> {
    return new WorkerSlot(index, job, await TcpProxy.open(coordinatorPort));
  }

  get supervisor(): CliProcess {
    return this.#supervisor;
  }

  /** The worker process itself, or null while there is none. */
  async workerPid(): Promise<number | null> {
    return (await childrenOf(this.#supervisor.pid))[0] ?? null;
  }

  /** After its supervisor has ended. */
  startAgain(): void {
    this.#supervisor = this.#spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }

  #spawn(): CliProcess {
    // Every second one reaches no file itself: its input and its partials go over the same bad network.
    const data = this.index % 2 === 0 ? "shared" : "coordinator";
    const fixed = ["--device", "cpu", "--workers", "1", "--lanes", "1", "--threads", "1", "--patience", "60"];
    const args = ["worker", "--coordinator", this.proxy.address, "--data", data, ...fixed];
    return startCli([...args, "--log-level", "debug"], {
      env: this.#job.env,
      limitMs: PROCESS_LIMIT_MS,
    });
  }
}

/** A `shardmill coordinator [job.yaml]` that is started again on the same port whenever it was killed. */
export class MortalCoordinator implements AsyncDisposable {
  readonly port: number;
  /** How the one that was not killed ended. */
  readonly done: Promise<{ readonly code: number | null; readonly stderr: string }>;
  readonly #job: KnownJob;
  readonly #args: readonly string[];
  readonly #jobPath: readonly string[];
  #process: CliProcess;
  #closed = false;

  /** Without `ownJob` it waits for jobs, in the job's environment. */
  constructor(job: KnownJob, port: number, args: readonly string[], ownJob = true) {
    this.#job = job;
    this.#jobPath = ownJob ? [job.path] : [];
    this.port = port;
    this.#args = args;
    this.#process = this.#spawn();
    this.done = this.#untilNotKilled();
    this.done.catch(() => {});
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Resolves once the one that runs now serves, or has ended. */
  async listening(): Promise<void> {
    await this.#process.saw(/coordinator on/).catch(() => {});
  }

  /** True when it died of it, and not of something else just before. */
  async kill(): Promise<boolean> {
    const victim = this.#process;
    victim.kill("SIGKILL");
    return (await victim.ended).signal === "SIGKILL";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#process[Symbol.asyncDispose]();
    await this.done.catch(() => {});
  }

  async #untilNotKilled(): Promise<{ readonly code: number | null; readonly stderr: string }> {
    for (;;) {
      const { code, signal, stderr } = await this.#process.ended;
      if (signal !== "SIGKILL" || this.#closed) return { code, stderr };
      this.#process = this.#spawn();
    }
  }

  #spawn(): CliProcess {
    const args = ["coordinator", ...this.#jobPath, "--listen", this.address, "--json", ...this.#args];
    const env = { ...this.#job.env, SHARDMILL_SNAPSHOT_RECORDS: "20" };
    return startCli(args, { env, limitMs: PROCESS_LIMIT_MS });
  }
}
