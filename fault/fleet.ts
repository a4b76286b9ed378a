import { NEVER, sleep } from "../shared/core/abort.ts";
import type { KnownJob } from "../test/support/known-job.ts";
import { type CliProcess, startCli } from "../test/support/processes.ts";
import { freePort } from "./free-port.ts";
import { childrenOf } from "./left-processes.ts";
import { ON_DISK, type RoundPlace } from "./round-place.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** Limit for each process of a round, whatever fails. */
const PROCESS_LIMIT_MS = 700_000;

/** Log line of a coordinator that holds its job. */
export const TAKEN_UP = /coordinator on/;
/** Errors of a coordinator that is not alone. A later run of it finds the end of the job. */
export const BESIDE_ANOTHER = /OUTPUT_LOCKED|OUTPUT_OCCUPIED/;
/** Many snapshots of a small job, and many tasks of its reductions by key. */
const MANY = { SHARDMILL_SNAPSHOT_RECORDS: "20", SHARDMILL_PART_BYTES: "6000" };
/** About the time that people, or Kubernetes, take to restart a coordinator. */
const AGAIN_MS = 1_000;

/**
 * Job and place of all processes of a round. Of several jobs, the first one's environment is used for all.
 */
interface Fleet {
  readonly job: KnownJob;
  readonly place: RoundPlace;
}

interface MortalOptions extends Fleet {
  readonly port: number;
  readonly args: readonly string[];
  /** True when the coordinator runs the job. Otherwise it waits for jobs. */
  readonly ownJob: boolean;
}

/** A paused coordinator, and the one that follows it. */
interface Replaced {
  readonly stopped: CliProcess;
  readonly follower: CliProcess;
}

/** One `shardmill worker` command behind a proxy of its own: a supervisor and its worker process. */
export class WorkerSlot implements AsyncDisposable {
  readonly index: number;
  readonly proxy: TcpProxy;
  /** A fault is in progress. Another one would obscure its effects. */
  busy = false;
  readonly #fleet: Fleet;
  #supervisor: CliProcess;

  private constructor(index: number, fleet: Fleet, proxy: TcpProxy) {
    this.index = index;
    this.proxy = proxy;
    this.#fleet = fleet;
    this.#supervisor = this.#spawn();
  }

  static async open(index: number, fleet: Fleet, coordinatorPort: number): Promise<WorkerSlot> {
    return new WorkerSlot(index, fleet, await TcpProxy.open(coordinatorPort));
  }

  get supervisor(): CliProcess {
    return this.#supervisor;
  }

  /** Returns the PID of the worker process, or null without one. */
  async workerPid(): Promise<number | null> {
    return (await childrenOf(this.#supervisor.pid))[0] ?? null;
  }

  /** Starts the supervisor again, after it has ended. */
  startAgain(): void {
    this.#supervisor = this.#spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }

  #spawn(): CliProcess {
    // Every second worker reaches no files: its input and partials go over the same bad network.
    const data = this.index % 2 === 0 ? "shared" : "coordinator";
    const { job, place } = this.#fleet;
    const fixed = ["--device", "cpu", "--workers", "1", "--lanes", "1", "--threads", "1"];
    const patience = ["--patience", String(place.patienceSeconds)];
    const args = ["worker", "--coordinator", this.proxy.address, "--data", data, ...fixed, ...patience];
    return startCli([...args, "--log-level", "debug"], {
      env: place.env(job, `worker-${this.index}`),
      limitMs: PROCESS_LIMIT_MS,
    });
  }
}

/**
 * A `shardmill coordinator [job.yaml]` that is restarted after each kill, and after it met another
 * coordinator on its job. It keeps its port, and changes its machine where the place allows that.
 */
export class MortalCoordinator implements AsyncDisposable {
  /** Resolves with the end of a coordinator that was not killed. */
  readonly done: Promise<{ readonly code: number | null; readonly stderr: string }>;
  /** A replacement is in progress. A kill would obscure its effects. */
  busy = false;
  readonly #options: MortalOptions;
  #port: number;
  #machine = 1;
  #process: CliProcess;
  #closed = false;

  constructor(options: MortalOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#process = this.#spawn();
    this.done = this.#untilNotKilled();
    this.done.catch(() => {});
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Resolves once the current coordinator serves, or has ended. */
  async listening(): Promise<void> {
    await this.#process.saw(TAKEN_UP).catch(() => {});
  }

  /** Kills the coordinator. Returns false when something else had ended it before. */
  async kill(): Promise<boolean> {
    const victim = this.#process;
    victim.kill("SIGKILL");
    return (await victim.ended).signal === "SIGKILL";
  }

  /**
   * Pauses the current coordinator, and starts one on another machine and port in its place. The caller
   * resumes the paused one and waits for its end.
   *
   * @returns null when the coordinator has ended
   */
  async replaceStopped(): Promise<Replaced | null> {
    const port = await freePort();
    const stopped = this.#process;
    const { exitCode, signalCode } = stopped.child;
    if (exitCode !== null || signalCode !== null) return null;
    stopped.kill("SIGSTOP");
    this.#port = port;
    this.#machine += 1;
    this.#process = this.#spawn();
    return { stopped, follower: this.#process };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#process[Symbol.asyncDispose]();
    await this.done.catch(() => {});
  }

  async #untilNotKilled(): Promise<{ readonly code: number | null; readonly stderr: string }> {
    for (;;) {
      const current = this.#process;
      const { code, signal, stderr } = await current.ended;
      if (this.#closed) return { code, stderr };
      if (current !== this.#process) continue;
      const isBesideAnother = code === 1 && this.#options.place !== ON_DISK && BESIDE_ANOTHER.test(stderr);
      if (signal !== "SIGKILL" && !isBesideAnother) return { code, stderr };
      if (isBesideAnother) await sleep(AGAIN_MS, NEVER);
      if (this.#closed) return { code, stderr };
      if (this.#options.place.movesOn) this.#machine += 1;
      this.#process = this.#spawn();
    }
  }

  #spawn(): CliProcess {
    const { job, place, ownJob } = this.#options;
    const jobPath = ownJob ? [job.path] : [];
    const args = ["coordinator", ...jobPath, "--listen", this.address, "--json", ...this.#options.args];
    const env = { ...place.env(job, `machine-${this.#machine}`), ...MANY };
    return startCli(args, { env, limitMs: PROCESS_LIMIT_MS });
  }
}
