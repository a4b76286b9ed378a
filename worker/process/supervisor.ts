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
  | { readonly kind: "exited"; readonly how: string };

export interface SupervisorOptions {
  readonly processes: readonly ProcessLayout[];
  /** Coordinator to join. A promise when the coordinator starts concurrently, while processes load. */
  readonly joins: Joining | Promise<Joining>;
  /**
   * Folder of this supervisor only. Each process gets a new folder in it, which is removed when the process
   * ends. Files fetched for all of them are in another folder, and stay.
   */
  readonly scratchPath: string;
  readonly log: Logger;
  /** Compiled script of each process. Default: the usual worker. Tests have scripts that misbehave. */
  readonly entry?: URL;
  /** True when {@link Supervisor.workers} must include heartbeats. */
  readonly reportsBeats?: boolean;
  /** Opens a reader of the GPUs' state. Default: NVIDIA's library, if it is installed. */
  readonly gpuReader?: () => Promise<GpuReader | null>;
  /** Default: the system's clock. */
  readonly gpuClock?: TimedClock;
  /** Backoff before a process is restarted. Default: `BACKOFF`. */
  readonly backoff?: typeof BACKOFF;
  /** Called when a process ended unexpectedly, so its leases need not expire first. */
  readonly onExited?: (name: string) => void;
}

const BACKOFF: Parameters<typeof backoffMs>[1] = { firstMs: 250, maxMs: 30_000 };
/** Run time after which a process counts as healthy, and its backoff restarts. */
const HEALTHY_MS = 60_000;
/**
 * Limit of consecutive unexpected exits while no process has joined a coordinator. The cause is then
 * permanent, such as too few descriptors or a missing library. The delays between them, 8 to 16 s together,
 * cover a temporary shortage.
 */
const EXITS_BEFORE_JOINING = 6;
/** Time limit for a drained process to exit before it is killed. The process's own limit is 20 s. */
const DRAIN_LIMIT_MS = 24_000;
/** Time limit for a process to exit after its work before it is killed. */
const CLOSE_LIMIT_MS = 5_000;

/**
 * Runs one child process for each device. A native crash, an out-of-memory kill or leaked GPU memory affects
 * only that child and its shards. A child that exits is restarted with backoff. Exceptions: it was finally
 * refused, or children exit repeatedly and none has ever joined.
 */
export class Supervisor {
  /**
   * Resolves when every process has ended by itself. Rejects with the first final refusal, or when no process
   * could run the job.
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
    // The promise may reject before it is awaited.
    Promise.resolve(options.joins).catch(() => {});
    this.done = this.#superviseAll();
    this.done.catch(() => {});
  }

  /** True when a process ended on request, and may have left work. */
  get hasDrained(): boolean {
    return this.#hasDrained;
  }

  get workers(): readonly WorkerFigures[] {
    return this.#figures.all;
  }

  /** GPUs that are watched. Empty: no NVIDIA GPU is in use. */
  get gpus(): readonly WatchedGpu[] {
    return this.#watch?.gpus ?? [];
  }

  /** Asks every process to finish or release its shards. Kills processes that do not end in time. */
  async drain(): Promise<void> {
    this.#quit.abort();
    for (const remote of this.#remotes) remote.notify("drain", {});
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
    const { log, onExited, backoff = BACKOFF } = this.#options;
    const { gpu = "" } = layout;
    for (let exits = 0, unexpectedExits = 0; !this.#quit.signal.aborted; ) {
      await gpus.untilGood(gpu, this.#quit.signal).catch(() => {});
      const isGood = gpus.whileGood(gpu);
      const startedMs = performance.now();
      const end = await this.#runOnce(layout, isGood);
      // The GPU is at fault. The process restarts when the GPU is usable again.
      const isDismissed = end.kind === "ended" && end.how !== "drained";
      if (isGood.aborted && !isDismissed && !this.#quit.signal.aborted) {
        onExited?.(layout.options.name);
        continue;
      }
      // A process that was asked to quit before it replied, or was killed then, counts as drained.
      this.#hasDrained ||= end.kind === "ended" ? end.how === "drained" : this.#quit.signal.aborted;
      if (end.kind === "ended" || this.#quit.signal.aborted) return;
      onExited?.(layout.options.name);
      const traits = end.kind === "failed" ? ERROR_CODES[end.error.code] : null;
      if (end.kind === "failed" && traits?.worker === "quit") {
        if (traits.attempt !== "refuse" || !this.#hasJoined) throw end.error;
        // Other devices of this machine may be able to run the job.
        this.#unfit.push(end.error);
        return;
      }
      const reason = end.kind === "failed" ? end.error.message : `its process exited: ${end.how}`;
      unexpectedExits += 1;
      if (!this.#hasJoined && unexpectedExits >= EXITS_BEFORE_JOINING)
        throw neverJoined(layout.options.name, reason);
      exits = performance.now() - startedMs > HEALTHY_MS ? 0 : exits + 1;
      const waitMs = backoffMs(exits, backoff, Math.random());
      log.warn({ worker: layout.options.name, reason, waitMs: Math.round(waitMs) }, "a worker is restarted");
      await sleep(waitMs, this.#quit.signal).catch(() => {});
    }
    // Quit before its process had started, or while waiting to restart it.
    this.#hasDrained = true;
  }

  /** @param isGood aborts when the process must release its shards and end */
  async #runOnce(layout: ProcessLayout, isGood: AbortSignal): Promise<ProcessEnd> {
    await mkdir(this.#options.scratchPath, { recursive: true });
    const scratchPath = await mkdtemp(join(this.#options.scratchPath, "worker-"));
    // Quit was requested meanwhile: a new process would get neither the drain nor the end.
    if (this.#quit.signal.aborted) return { kind: "exited", how: "it never started" };
    const { name, device } = layout.options;
    const remote = startProcess(layout, this.#turns, this.#options.entry);
    this.#remotes.add(remote);
    this.#figures.began(name, device);
    let killing: NodeJS.Timeout | undefined;
    const handBack = () => {
      remote.notify("drain", { gpuFault: String(isGood.reason) });
      killing = setTimeout(() => remote.end(), DRAIN_LIMIT_MS);
    };
    isGood.addEventListener("abort", handBack, { once: true });
    if (isGood.aborted) handBack();
    try {
      const end = await this.#work(remote, layout, scratchPath);
      this.#figures.ended(name, end.kind === "exited" ? "exited" : "ended");
      return end;
    } finally {
      isGood.removeEventListener("abort", handBack);
      clearTimeout(killing);
      // Ends a process that never began its work, too.
      await remote[Symbol.asyncDispose]();
      this.#remotes.delete(remote);
      this.#turns.exited(name);
      await rm(scratchPath, { recursive: true, force: true });
    }
  }

  async #work(remote: WorkerRemote, layout: ProcessLayout, scratchPath: string): Promise<ProcessEnd> {
    const { joins, reportsBeats = false } = this.#options;
    const copiesPath = join(this.#options.scratchPath, "copies");
    const task = { options: { ...layout.options, ...(await joins), scratchPath, copiesPath }, reportsBeats };
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
      if (error instanceof RemoteLost) return { kind: "exited", how: endText(error.end) };
      return { kind: "failed", error: toShardmillError(error) };
    }
  }

  #join(name: string): void {
    this.#hasJoined = true;
    this.#figures.joined(name);
  }
}

/** Gate of devices that are not watched. */
const OPEN_GATE: GpuGate = { untilGood: async () => {}, whileGood: () => NEVER };

function neverJoined(worker: string, reason: string): ShardmillError {
  return new ShardmillError(
    "WORKER_LOST",
    `worker ${worker} exited ${EXITS_BEFORE_JOINING} times without joining the coordinator: ${reason}`,
    {
      fields: { worker, exits: EXITS_BEFORE_JOINING, reason },
      hint: "fix the cause on this machine, then run the same command again to resume the job",
    },
  );
}
