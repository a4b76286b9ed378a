import { deferred, sleepBy } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { messageOf } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { GpuReader, GpuReading } from "../../shared/extension/gpu-driver.ts";
import { GOOD_GPU, type GpuState, judgeGpu } from "./judge-gpu.ts";

/** Interval of checks. Each check takes the driver some milliseconds. */
const LOOK_MS = 5_000;

/** Access to GPUs that may be suspended. */
export interface GpuGate {
  /** Resolves once the GPU may be used. Rejects with the signal's reason. */
  untilGood(gpu: string, signal: AbortSignal): Promise<void>;
  /**
   * Returns a signal that aborts when the GPU is suspended, with the reason as text. Call it for a usable
   * GPU.
   */
  whileGood(gpu: string): AbortSignal;
}

/** State of a GPU at the last check. */
export interface WatchedGpu {
  /** Name in CUDA_VISIBLE_DEVICES. */
  readonly gpu: string;
  /** Null: the GPU was lost, or not yet checked. */
  readonly reading: GpuReading | null;
  /** Reason of the suspension. Null: the GPU takes work. */
  readonly fault: string | null;
}

interface Watched {
  state: GpuState;
  reading: GpuReading | null;
  /** True after the first reading. Otherwise the driver may not know the name, and the GPU is not judged. */
  hasBeenRead: boolean;
  /** Controller of the current usable period. */
  good: AbortController;
  back: ReturnType<typeof deferred<void>>;
}

/** Checks the GPUs of this machine's workers, and suspends and resumes them. */
export class GpuWatch implements GpuGate {
  readonly #reader: GpuReader;
  readonly #clock: TimedClock;
  readonly #log: Logger;
  readonly #watched = new Map<string, Watched>();

  constructor(reader: GpuReader, gpus: Iterable<string>, { clock, log }: { clock: TimedClock; log: Logger }) {
    this.#reader = reader;
    this.#clock = clock;
    this.#log = log;
    for (const gpu of gpus)
      this.#watched.set(gpu, {
        state: GOOD_GPU,
        reading: null,
        hasBeenRead: false,
        good: new AbortController(),
        back: deferred<void>(),
      });
  }

  get gpus(): readonly WatchedGpu[] {
    return [...this.#watched].map(([gpu, { reading, state }]) => {
      return { gpu, reading, fault: state.exclusion?.reason ?? null };
    });
  }

  /** Checks until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const [gpu, watched] of this.#watched) await this.#look(gpu, watched);
      await sleepBy(this.#clock, LOOK_MS, signal).catch(() => {});
    }
  }

  async untilGood(gpu: string, signal: AbortSignal): Promise<void> {
    const watched = this.#watched.get(gpu);
    if (watched === undefined || watched.state.exclusion === null) return;
    const stopped = deferred<never>();
    const stop = () => stopped.reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      await Promise.race([watched.back.promise, stopped.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  whileGood(gpu: string): AbortSignal {
    return (this.#watched.get(gpu)?.good ?? new AbortController()).signal;
  }

  async #look(gpu: string, watched: Watched): Promise<void> {
    try {
      const look = await this.#reader.look(gpu);
      watched.hasBeenRead ||= look.kind === "read";
      watched.reading = look.kind === "read" ? look.reading : null;
      if (watched.hasBeenRead) this.#turn(gpu, watched, judgeGpu(watched.state, look, this.#clock.nowMs()));
    } catch (error) {
      this.#log.debug({ gpu, reason: messageOf(error) }, "a GPU could not be checked");
    }
  }

  #turn(gpu: string, watched: Watched, state: GpuState): void {
    const before = watched.state;
    watched.state = state;
    if (before.exclusion === null && state.exclusion !== null) {
      const { reason, sinceMs, untilMs } = state.exclusion;
      this.#log.warn({ gpu, reason, seconds: (untilMs - sinceMs) / 1_000 }, "a GPU is excluded");
      watched.back = deferred<void>();
      watched.good.abort(reason);
    } else if (before.exclusion !== null && state.exclusion === null) {
      const seconds = Math.round((state.backSinceMs - before.exclusion.sinceMs) / 1_000);
      this.#log.warn({ gpu, reason: before.exclusion.reason, seconds }, "a GPU is used again");
      watched.good = new AbortController();
      watched.back.resolve();
    }
  }
}
