import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { backoffMs } from "../../shared/core/backoff.ts";
import { systemClock, type TimedClock } from "../../shared/core/clock.ts";
import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { ShardmillError, toShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { endText, RemoteLost } from "../../shared/core/remote/remote.ts";
import type { GpuReader } from "../../shared/extension/gpu-driver.ts";
import { openGpuDriver } from "../../shared/extension/open-gpu-driver.ts";
import { type GpuGate, GpuWatch, type WatchedGpu } from "../gpu/gpu-watch.ts";
import { ProcessFigures, type WorkerFigures } from "../http/process-figures.ts";
import { type Joining, type ProcessLayout, startProcess, Turns, type WorkerRemote } from "./start-process.ts";
import type { WorkerEnd } from "./worker.ts";
import type { WorkerNews } from "./worker-protocol.ts";

type ProcessEnd =
  | { readonly kind: "ended"; readonly how: WorkerEnd }
  | { readonly kind: "failed"; readonly error: ShardmillError }
  | { readonly kind: "died"; readonly how: string };

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
/** How long a process may take to exit, with its work done, before it is killed. */
const CLOSE_LIMIT_MS = 5_000;

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
  readonly #remotes = new Set<WorkerRemote>();
  readonly #quit = new AbortController();
  readonly #turns = new Turns<string>();
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
    for (const remote of this.#remotes) remote.tell("drain", {});
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
    for (const remote of this.#remotes) remote.end();
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
    const { processes, gpuReader = () => openGpuDriver(), gpuClock = systemClock, log } = this.#options;
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
        if (traits.attempt !== "refuse" || !this.#hasJoined) throw end.error;
        // The other devices of this machine may be fit for the job.
        this.#unfit.push(end.error);
        return;
      }
      const reason = end.kind === "failed" ? end.error.message : `its process ended: ${end.how}`;
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
  async #runOnce(layout: ProcessLayout, isGood: AbortSignal): Promise<ProcessEnd> {
    await mkdir(this.#options.scratchPath, { recursive: true });
    const scratchPath = await mkdtemp(join(this.#options.scratchPath, "worker-"));
    // Told to quit meanwhile: a process started now would hear neither of draining nor of the end.
    if (this.#quit.signal.aborted) return { kind: "died", how: "it never started" };
    const { name, device } = layout.options;
    const remote = startProcess(layout, this.#turns, this.#options.entry);
    this.#remotes.add(remote);
    this.#figures.began(name, device);
    let killing: NodeJS.Timeout | undefined;
    const handBack = () => {
      remote.tell("drain", { aside: String(isGood.reason) });
      killing = setTimeout(() => remote.end(), DRAIN_LIMIT_MS);
    };
    isGood.addEventListener("abort", handBack, { once: true });
    if (isGood.aborted) handBack();
    try {
      const end = await this.#work(remote, layout, scratchPath);
      this.#figures.ended(name, end.kind === "died" ? "died" : "ended");
      return end;
    } finally {
      isGood.removeEventListener("abort", handBack);
      clearTimeout(killing);
      // One that never began waits for ever.
      await remote[Symbol.asyncDispose]();
      this.#remotes.delete(remote);
      this.#turns.gone(name);
      await rm(scratchPath, { recursive: true, force: true });
    }
  }

  async #work(remote: WorkerRemote, layout: ProcessLayout, scratchPath: string): Promise<ProcessEnd> {
    const { joins, tellsBeats = false } = this.#options;
    const copiesPath = join(this.#options.scratchPath, "copies");
    const task = { options: { ...layout.options, ...(await joins), scratchPath, copiesPath }, tellsBeats };
    const { name } = layout.options;
    const onEvent = (news: WorkerNews) => {
      if (news.kind === "joined") this.#join(name);
      else this.#figures.beat(name, news.beat);
    };
    try {
      const how = await remote.call("work", task, { onEvent, signal: NEVER });
      await remote.close(CLOSE_LIMIT_MS);
      return { kind: "ended", how };
    } catch (error) {
      if (error instanceof RemoteLost) return { kind: "died", how: endText(error.end) };
      return { kind: "failed", error: toShardmillError(error) };
    }
  }

  #join(name: string): void {
    this.#hasJoined = true;
    this.#figures.joined(name);
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
