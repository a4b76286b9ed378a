import { NEVER, sleep } from "../shared/core/abort.ts";
import type { KnownJob } from "../test/support/known-job.ts";
import { type CliProcess, startCli } from "../test/support/processes.ts";
import { freePort } from "./free-port.ts";
import { childrenOf } from "./left-processes.ts";
import { ON_DISK, type RoundPlace } from "./round-place.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** No process of a round lives for longer, whatever goes wrong. */
const PROCESS_LIMIT_MS = 700_000;

/** What a coordinator says once it has taken its job up. */
export const TAKEN_UP = /coordinator on/;
/** What one says that is not alone: whoever runs it again finds what became of the job. */
export const BESIDE_ANOTHER = /OUTPUT_LOCKED|OUTPUT_OCCUPIED/;
/** As long as people, or Kubernetes, take to start it again. */
const AGAIN_MS = 1_000;

/** What all processes of a round are of: of several jobs the first one's environment is that of all. */
interface Fleet {
  readonly job: KnownJob;
  readonly place: RoundPlace;
}

interface MortalOptions extends Fleet {
  readonly port: number;
  readonly args: readonly string[];
  /** Whether it runs the job, or waits for jobs. */
  readonly ownJob: boolean;
}

/** One that goes on when another has its job. */
interface Replaced {
  readonly stopped: CliProcess;
  readonly follower: CliProcess;
}

/**
 * One `shardmill worker` command behind a network of its own: a supervisor, and under it the worker process.
 */
export class WorkerSlot implements AsyncDisposable {
  readonly index: number;
  readonly proxy: TcpProxy;
  /** A fault is at work on it: another would blur what this one proves. */
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
 * A `shardmill coordinator [job.yaml]` that is started again on the same port whenever it was killed, and
 * after it found another one at its job; on another machine, if that goes on with it.
 */
export class MortalCoordinator implements AsyncDisposable {
  /** How the one that was not killed ended. */
  readonly done: Promise<{ readonly code: number | null; readonly stderr: string }>;
  /** It is being replaced: a death would blur what that proves. */
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

  /** Resolves once the one that runs now serves, or has ended. */
  async listening(): Promise<void> {
    await this.#process.saw(TAKEN_UP).catch(() => {});
  }

  /** True when it died of it, and not of something else just before. */
  async kill(): Promise<boolean> {
    const victim = this.#process;
    victim.kill("SIGKILL");
    return (await victim.ended).signal === "SIGKILL";
  }

  /**
   * Stops the one that runs, and starts one on another machine, and another port, in its place. The stopped
   * one is the caller's, who lets it go on, and waits for its end.
   *
   * @returns null when it has ended
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
    const env = { ...place.env(job, `machine-${this.#machine}`), SHARDMILL_SNAPSHOT_RECORDS: "20" };
    return startCli(args, { env, limitMs: PROCESS_LIMIT_MS });
  }
}
