import { type ChildProcess, fork } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deferred, NEVER, sleep } from "../../shared/core/abort.ts";
import { backoffMs } from "../../shared/core/backoff.ts";
import { systemClock, type TimedClock } from "../../shared/core/clock.ts";
import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { type ErrorData, errorFromData, ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { GpuReader } from "../gpu/gpu-reading.ts";
import { type GpuGate, GpuWatch, type WatchedGpu } from "../gpu/gpu-watch.ts";
import { Nvml } from "../gpu/nvml.ts";
import { ProcessFigures, type WorkerBeat, type WorkerFigures } from "../http/process-figures.ts";
import { processArguments, processEnvironment } from "./process-arguments.ts";
import { type TurnGrant, type TurnRequest, Turns } from "./turns.ts";
import type { WorkerEnd, WorkerOptions } from "./worker.ts";

/** `begin` comes first, and once. */
export type ToWorkerProcess =
  | { readonly kind: "begin"; readonly options: WorkerOptions; readonly tellsBeats: boolean }
  /** `aside`: why its device is put aside, where that is the reason. */
  | { readonly kind: "drain"; readonly aside?: string }
  | TurnGrant;
export type FromWorkerProcess =
  | { readonly kind: "joined" }
  | { readonly kind: "beat"; readonly beat: WorkerBeat }
  | TurnRequest
  | WorkerProcessEnd;
type WorkerProcessEnd =
  | { readonly kind: "ended"; readonly how: WorkerEnd }
  | { readonly kind: "failed"; readonly error: ErrorData };

/** Whom a worker works for. */
export type Joining = Pick<WorkerOptions, "coordinator" | "credential">;

export interface ProcessLayout {
  readonly options: Omit<WorkerOptions, "scratchPath" | "copiesPath" | keyof Joining>;
  /** Added to the child's environment: which of several devices it may see. */
  readonly env: Readonly<Record<string, string>>;
  /** The GPU of NVIDIA's that it works on, as CUDA_VISIBLE_DEVICES names it. */
  readonly gpu?: string;
}

export interface SupervisorOptions {
  readonly processes: readonly ProcessLayout[];
  /** A promise of it where the coordinator starts beside: processes load meanwhile. */
  readonly joins: Joining | Promise<Joining>;
  /**
   * A folder of this supervisor alone; each process gets a fresh one in it, removed when it ends however it
   * ends. What is fetched for all of them is in another one, and outlives each.
   */
  readonly scratchPath: string;
  readonly log: Logger;
  /** What each process runs, compiled: the usual worker, unless a test has one that misbehaves. */
  readonly entry?: URL;
  /** Whether {@link Supervisor.workers} shall say what each is at. */
  readonly tellsBeats?: boolean;
  /** What tells how the GPUs are; left out: NVIDIA's library, where there is one. */
  readonly gpuReader?: () => Promise<GpuReader | null>;
  /** Left out: the system's. */
  readonly gpuClock?: TimedClock;
  /** How long to wait before a process is started again; left out: BACKOFF. */
  readonly backoff?: typeof BACKOFF;
  /** A process died without saying goodbye: whoever waits for its leases need not wait longer. */
  readonly onDied?: (name: string) => void;
}

const BACKOFF: Parameters<typeof backoffMs>[1] = { firstMs: 250, maxMs: 30_000 };
/** A process that lived this long was healthy: its next death starts the back-off anew. */
const HEALTHY_MS = 60_000;
/**
 * So many deaths one after the other, while no process has ever joined a coordinator, are the end: what keeps
 * it from joining (too few descriptors, a library that does not load) does not pass. The waits between them,
 * 8 to 16 s together, are for a machine that is short of something for a moment.
 */
const DEATHS_BEFORE_JOINING = 6;
/** How long a drained process may take to end before it is killed: its own limit is 20 s. */
const DRAIN_LIMIT_MS = 24_000;

/**
 * Keeps one child process a device: a native crash, an out-of-memory kill or unreturned GPU memory costs that
 * child and its shards, nothing else. A child that dies is started again with back-off; one that was refused
 * for good is not, nor one that dies again and again where none has ever joined.
 */
export class Supervisor {
  /**
   * Resolves when every process has ended by itself. Rejects with the first refusal for good, or when no
   * process could run the job.
   */
  readonly done: Promise<void>;
  readonly #options: SupervisorOptions;
  readonly #children = new Set<ChildProcess>();
  readonly #quit = new AbortController();
  readonly #turns = new Turns<ChildProcess>();
  readonly #figures = new ProcessFigures();
  #watch: GpuWatch | null = null;
  #hasJoined = false;
  #hasDrained = false;
  readonly #unfit: ShardmillError[] = [];

  constructor(options: SupervisorOptions) {
    this.#options = options;
    // It may be refused before anybody waits for it.
    Promise.resolve(options.joins).catch(() => {});
    this.done = this.#superviseAll();
    this.done.catch(() => {});
  }

  /** Whether a process ended because it was told to, with work perhaps left for it. */
  get hasDrained(): boolean {
    return this.#hasDrained;
  }

  get workers(): readonly WorkerFigures[] {
    return this.#figures.all;
  }

  /** None where no GPU of NVIDIA's is worked on. */
  get gpus(): readonly WatchedGpu[] {
    return this.#watch?.gpus ?? [];
  }

  /** Asks every process to finish or hand back its shards; kills what has not ended in time. */
  async drain(): Promise<void> {
    this.#quit.abort();
    // One that dies at this very moment needs no telling.
    for (const child of this.#children)
      if (child.connected) child.send({ kind: "drain" } satisfies ToWorkerProcess, () => {});
    const timer = setTimeout(() => this.#killAll(), DRAIN_LIMIT_MS);
    await this.done.catch(() => {});
    clearTimeout(timer);
  }

  /** Ends every process at once. */
  async stop(): Promise<void> {
    this.#quit.abort();
    this.#killAll();
    await this.done.catch(() => {});
  }

  #killAll(): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }

  async #superviseAll(): Promise<void> {
    const watching = new AbortController();
    try {
      const gpus = await this.#watchGpus(watching.signal);
      await Promise.all(this.#options.processes.map((layout) => this.#supervise(layout, gpus)));
      const [unfit] = this.#unfit;
      if (unfit !== undefined && this.#unfit.length === this.#options.processes.length) throw unfit;
    } catch (error) {
      this.#quit.abort();
      this.#killAll();
      throw error;
    } finally {
      watching.abort();
      await rm(this.#options.scratchPath, { recursive: true, force: true });
    }
  }

  async #watchGpus(signal: AbortSignal): Promise<GpuGate> {
    const { processes, gpuReader = () => Nvml.open(), gpuClock = systemClock, log } = this.#options;
    const gpus = new Set(processes.flatMap(({ gpu }) => gpu ?? []));
    const reader = gpus.size === 0 ? null : await gpuReader();
    if (reader === null) return OPEN_GATE;
    const watch = new GpuWatch(reader, gpus, { clock: gpuClock, log });
    this.#watch = watch;
    void watch.run(signal);
    return watch;
  }

  async #supervise(layout: ProcessLayout, gpus: GpuGate): Promise<void> {
    const { log, onDied, backoff = BACKOFF } = this.#options;
    const { gpu = "" } = layout;
    for (let deaths = 0, died = 0; !this.#quit.signal.aborted; ) {
      await gpus.untilGood(gpu, this.#quit.signal).catch(() => {});
      const isGood = gpus.whileGood(gpu);
      const startedMs = performance.now();
      const end = await this.#runOnce(layout, isGood);
      // Nobody's fault but the GPU's: it goes on when that does.
      const isDismissed = end.kind === "ended" && end.how !== "drained";
      if (isGood.aborted && !isDismissed && !this.#quit.signal.aborted) {
        onDied?.(layout.options.name);
        continue;
      }
      // One that is told to end before it has said how, or is killed then, did not go by itself.
      this.#hasDrained ||= end.kind === "ended" ? end.how === "drained" : this.#quit.signal.aborted;
      if (end.kind === "ended" || this.#quit.signal.aborted) return;
      onDied?.(layout.options.name);
      const traits = end.kind === "failed" ? ERROR_CODES[end.error.code] : null;
      if (end.kind === "failed" && traits?.worker === "quit") {
        if (traits.attempt !== "refuse" || !this.#hasJoined) throw errorFromData(end.error);
        // The other devices of this machine may be fit for the job.
        this.#unfit.push(errorFromData(end.error));
        return;
      }
      const reason = end.kind === "failed" ? end.error.message : `its process ended with ${end.how}`;
      died += 1;
      if (!this.#hasJoined && died >= DEATHS_BEFORE_JOINING) throw neverJoined(layout.options.name, reason);
      deaths = performance.now() - startedMs > HEALTHY_MS ? 0 : deaths + 1;
      const waitMs = backoffMs(deaths, backoff, Math.random());
      log.warn(
        { worker: layout.options.name, reason, waitMs: Math.round(waitMs) },
        "a worker is started again",
      );
      await sleep(waitMs, this.#quit.signal).catch(() => {});
    }
    // Told to end before its process had begun, or while it waited for the next one.
    this.#hasDrained = true;
  }

  /** @param isGood aborts when the process shall hand back what it has, and end */
  async #runOnce(
    layout: ProcessLayout,
    isGood: AbortSignal,
  ): Promise<WorkerProcessEnd | { readonly kind: "died"; readonly how: string }> {
    await mkdir(this.#options.scratchPath, { recursive: true });
    const scratchPath = await mkdtemp(join(this.#options.scratchPath, "worker-"));
    // Told to quit meanwhile: a process started now would hear neither of draining nor of the end.
    if (this.#quit.signal.aborted) return { kind: "died", how: "never started" };
    const exited = deferred<string>();
    let said: WorkerProcessEnd | null = null;
    const {
      joins,
      tellsBeats = false,
      entry = compiledUrl("worker/process/worker-process.ts"),
    } = this.#options;
    const child = fork(fileURLToPath(entry), [], {
      execArgv: [...process.execArgv, ...processArguments(layout.options.shardThreads)],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...processEnvironment(layout.options), ...layout.env },
    });
    this.#children.add(child);
    const { name, device } = layout.options;
    this.#figures.began(name, device);
    child.on("message", (message: FromWorkerProcess) => {
      if (message.kind === "joined") this.#join(name);
      else if (message.kind === "beat") this.#figures.beat(name, message.beat);
      else if (message.kind === "wantsTurn") this.#giveTurn(child, message.name);
      else if (message.kind === "endsTurn") this.#turns.end(child, message.name);
      else said = message;
    });
    child.on("error", (error) => exited.resolve(error.message));
    child.once("exit", (code, signal) => exited.resolve(signal ?? `code ${code}`));
    let killing: NodeJS.Timeout | undefined;
    const handBack = () => {
      const drain = { kind: "drain", aside: String(isGood.reason) } satisfies ToWorkerProcess;
      if (child.connected) child.send(drain, () => {});
      killing = setTimeout(() => child.kill("SIGKILL"), DRAIN_LIMIT_MS);
    };
    isGood.addEventListener("abort", handBack, { once: true });
    if (isGood.aborted) handBack();
    try {
      const copiesPath = join(this.#options.scratchPath, "copies");
      const options: WorkerOptions = { ...layout.options, ...(await joins), scratchPath, copiesPath };
      // One that is gone by now says so by its exit.
      if (child.connected)
        child.send({ kind: "begin", options, tellsBeats } satisfies ToWorkerProcess, () => {});
      const how = await exited.promise;
      this.#figures.ended(name, said === null ? "died" : "ended");
      return said ?? { kind: "died", how };
    } finally {
      isGood.removeEventListener("abort", handBack);
      clearTimeout(killing);
      // One that never began waits for ever.
      child.kill("SIGKILL");
      this.#children.delete(child);
      this.#turns.gone(child);
      await rm(scratchPath, { recursive: true, force: true });
    }
  }

  #join(name: string): void {
    this.#hasJoined = true;
    this.#figures.joined(name);
  }

  #giveTurn(child: ChildProcess, name: string): void {
    this.#turns.want(child, name, () => {
      if (child.connected) child.send({ kind: "turn", name } satisfies ToWorkerProcess, () => {});
    });
  }
}

/** Of devices that nobody watches. */
const OPEN_GATE: GpuGate = { untilGood: async () => {}, whileGood: () => NEVER };

function neverJoined(worker: string, reason: string): ShardmillError {
  return new ShardmillError(
    "WORKER_DIED",
    `worker ${worker} has died ${DEATHS_BEFORE_JOINING} times without ever joining the coordinator: ${reason}`,
    {
      fields: { worker, deaths: DEATHS_BEFORE_JOINING, reason },
      hint: "remove the cause on this machine; the same command then goes on with the job",
    },
  );
}
