import { type Transferable, Worker, type WorkerOptions } from "node:worker_threads";
import { hasEnded, untilEnded } from "../end-thread.ts";
import type { PeerMessage } from "./peer.ts";
import type { RemoteEnd, RemoteLink } from "./remote.ts";

interface ThreadOptions extends Pick<WorkerOptions, "workerData" | "stdout"> {
  /** Moved with `workerData` instead of being copied. Default: none. */
  readonly transferList?: readonly Transferable[];
  /** Limit of its JavaScript heap. Default: V8's. */
  readonly heapMib?: number;
  /** Keeps this process alive while the thread runs. Default: yes. */
  readonly isRef?: boolean;
}

/** A worker thread, or one that was started earlier, with its messages. */
export class ThreadLink implements RemoteLink {
  readonly thread: Worker;
  readonly #heapMib: number;

  constructor(
    script: URL | Worker,
    { transferList = [], heapMib, isRef = true, ...options }: ThreadOptions = {},
  ) {
    const limits = heapMib === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMib } };
    this.thread =
      script instanceof Worker
        ? script
        : new Worker(script, { ...options, ...limits, transferList: [...transferList] });
    this.#heapMib = heapMib ?? this.thread.resourceLimits?.maxOldGenerationSizeMb ?? 0;
    if (isRef) this.thread.ref();
    else this.thread.unref();
  }

  post(message: object, transfer: readonly Transferable[]): void {
    this.thread.postMessage(message, transfer);
  }

  listen(onMessage: (message: PeerMessage) => void, onEnd: (end: RemoteEnd) => void): Disposable {
    const onError = (error: Error) => onEnd(this.#endOf(error));
    const onExit = (code: number | null) => onEnd({ kind: "exited", code, by: null });
    this.thread.on("message", onMessage).on("error", onError).on("exit", onExit);
    // A thread that was started earlier may be gone, and sends no event any more.
    if (hasEnded(this.thread)) queueMicrotask(() => onExit(null));
    return {
      [Symbol.dispose]: () => {
        this.thread.off("message", onMessage).off("error", onError).off("exit", onExit);
      },
    };
  }

  async kill(): Promise<void> {
    await this.thread.terminate();
  }

  untilEnded(limitMs: number): Promise<boolean> {
    return untilEnded(this.thread, limitMs);
  }

  #endOf(error: Error): RemoteEnd {
    const isFull = "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
    return isFull ? { kind: "memory", bytes: this.#heapMib * 2 ** 20 } : { kind: "failed", error };
  }
}
