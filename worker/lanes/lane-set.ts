import { MessageChannel, type MessagePort } from "node:worker_threads";
import { type Deferred, deferred, NEVER, orAbort } from "../../shared/core/abort.ts";
import { errorFromData, ShardmillError, toShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { SharedHandle } from "../../shared/onnx/shared-session/shared-handle.ts";
import type { LaneOptions, LaneThreadMethods, LaneThreadOwner } from "./lane-protocol.ts";

interface LaneSetOptions {
  readonly modelPath: string;
  readonly device: ConcreteDevice;
  /** Number of lanes, from `layOutLanes`. */
  readonly lanes: number;
  readonly threads: number;
  /** True: all lanes run one session, with one copy of the weights. Default: each lane has its own. */
  readonly sharesSession?: boolean;
  /** Time limit for a lane to end when it is closed. Default: five seconds. */
  readonly closeLimitMs?: number;
  /** Compiled script of each lane's thread. Default: the lane thread. Tests have scripts that misbehave. */
  readonly script?: URL;
}

/** Lanes of one device with one model, owned by the worker's main thread. Disposing ends their threads. */
export interface LaneSet extends AsyncDisposable {
  readonly count: number;
  /** Load time of the slowest lane: reading the model, and preparing it for the device. */
  readonly loadMs: number;
  /**
   * Opens a channel to each lane, for one shard thread. Transfer the ports to that thread, and call
   * `connectLanes` there.
   */
  connect(): MessagePort[];
  /**
   * Calls the listener once, when a lane's thread ends or its device is lost, even if that was before. Then
   * the set and the process are unusable, because native memory may be corrupt.
   */
  onBroken(listener: (error: ShardmillError) => void): void;
}

/**
 * Time limit for a lane thread to end. A batch takes seconds at most. A slower thread hangs in a driver, and
 * is abandoned.
 */
const CLOSE_LIMIT_MS = 5_000;

/**
 * Resolves when WebGPU is available. WebGPU supports one session in a process, so a set of lanes waits until
 * the previous one is closed.
 */
let webgpuFree: Promise<void> = Promise.resolve();

/**
 * Starts lanes, and waits until each has loaded the model.
 *
 * @throws {MODEL_INVALID | DEVICE_UNAVAILABLE | OUT_OF_MEMORY} as `createSession` does. No thread remains
 *   then.
 * @throws {RESOURCE_EXHAUSTED} when a thread cannot be started
 */
export async function startLanes(options: LaneSetOptions, signal: AbortSignal): Promise<LaneSet> {
  signal.throwIfAborted();
  const { modelPath, device, threads, closeLimitMs = CLOSE_LIMIT_MS } = options;
  const script = options.script ?? compiledUrl("worker/lanes/lane-thread.ts");
  const releaseDevice = device === "webgpu" ? await takeWebgpu(signal) : () => {};
  const shared = options.sharesSession === true ? SharedHandle.buffer() : null;
  const lane: LaneOptions = { modelPath, device, threads, shared };
  const lanes = Array.from({ length: options.lanes }, () => new Lane(script, lane));
  const close = async () => {
    await Promise.allSettled(lanes.map((lane) => lane.close(closeLimitMs)));
    releaseDevice();
  };
  try {
    const loadsMs = await orAbort(Promise.all(lanes.map((lane) => lane.ready)), signal);
    return new StartedLanes(lanes, Math.max(0, ...loadsMs), close);
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Waits for this process's turn with WebGPU.
 *
 * @returns a function that ends the turn
 */
async function takeWebgpu(signal: AbortSignal): Promise<() => void> {
  const before = webgpuFree;
  const turn = deferred<void>();
  webgpuFree = before.then(() => turn.promise);
  try {
    await orAbort(before, signal);
  } catch (error) {
    turn.resolve();
    throw error;
  }
  return () => turn.resolve();
}

class StartedLanes implements LaneSet {
  readonly loadMs: number;
  readonly #lanes: readonly Lane[];
  readonly #close: () => Promise<void>;

  constructor(lanes: readonly Lane[], loadMs: number, close: () => Promise<void>) {
    this.#lanes = lanes;
    this.loadMs = loadMs;
    this.#close = close;
  }

  get count(): number {
    return this.#lanes.length;
  }

  connect(): MessagePort[] {
    return this.#lanes.map((lane) => lane.connect());
  }

  onBroken(listener: (error: ShardmillError) => void): void {
    void Promise.race(this.#lanes.map((lane) => lane.broken)).then(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** Owner's client of one lane's thread. */
class Lane {
  readonly ready: Promise<number>;
  readonly #thread: Remote<LaneThreadMethods>;
  readonly #broken: Deferred<ShardmillError> = deferred();
  #hasServed = false;

  constructor(script: URL, options: LaneOptions) {
    const serves: LaneThreadOwner = { broken: (error) => this.#broken.resolve(errorFromData(error)) };
    const link = new ThreadLink(script, { workerData: options });
    this.#thread = new Remote(link, { serves, lost: (end) => this.#lost(end) });
    this.ready = this.#thread.call("load", null, { signal: NEVER });
    this.ready.then(
      () => {
        this.#hasServed = true;
      },
      (error) => this.#broken.resolve(toShardmillError(error)),
    );
  }

  get broken(): Promise<ShardmillError> {
    return this.#broken.promise;
  }

  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#thread.notify("serve", port2, [port2]);
    return port1;
  }

  async close(limitMs: number): Promise<void> {
    await this.#thread.close(limitMs);
  }

  #lost(end: RemoteEnd): ShardmillError {
    const error = this.#endOf(end);
    if (end.kind !== "closed") this.#broken.resolve(error);
    return error;
  }

  /**
   * Returns the error of a lost thread. A thread that never started failed because of this machine, so no
   * shard may be suspected.
   */
  #endOf(end: RemoteEnd): ShardmillError {
    const detail = endText(end);
    if (this.#hasServed)
      return new ShardmillError("WORKER_LOST", `a lane's thread ended: ${detail}`, { cause: end });
    return new ShardmillError("RESOURCE_EXHAUSTED", `a lane's thread cannot be started: ${detail}`, {
      cause: end,
      hint: "check this machine's limits (ulimit -a) and its memory",
    });
  }
}
