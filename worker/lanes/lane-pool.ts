import type { MessagePort } from "node:worker_threads";
import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { errorFromData, ShardmillError } from "../../shared/core/errors.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import { buffersOf, type InferReply, type InferRequest } from "./lane-protocol.ts";
import type { InferResult, Lanes } from "./lanes.ts";
import type { BatchRuns } from "./run-in-turn.ts";

/**
 * Connects to lanes by their ports, one for each lane, from `LaneSet.connect`. The calling thread owns the
 * ports from now on. Disposing closes them, and rejects waiting requests.
 *
 * @param onAllBusy called once, when every lane has got a batch
 */
export function connectLanes(
  ports: readonly MessagePort[],
  onAllBusy: () => void = () => {},
): Lanes & Disposable {
  return new LanePool(
    ports.map((port) => new LaneConnection(port)),
    onAllBusy,
  );
}

class LanePool implements Lanes, Disposable {
  readonly #lanes: readonly LaneConnection[];
  readonly #idle: Set<LaneConnection>;
  readonly #onAllBusy: () => void;

  constructor(lanes: readonly LaneConnection[], onAllBusy: () => void) {
    this.#lanes = lanes;
    this.#idle = new Set(lanes);
    this.#onAllBusy = onAllBusy;
  }

  get count(): number {
    return this.#lanes.length;
  }

  async infer(
    feeds: Readonly<Record<string, TensorData>>,
    outputs: readonly string[],
    runs: BatchRuns | null,
    signal: AbortSignal,
  ): Promise<InferResult> {
    signal.throwIfAborted();
    const [first, ...others] = this.#lanes.filter((lane) => lane.open);
    if (first === undefined) throw laneLost();
    const shortest = others.reduce((best, lane) => (lane.queued < best.queued ? lane : best), first);
    if (this.#idle.delete(shortest) && this.#idle.size === 0) this.#onAllBusy();
    return shortest.infer(feeds, outputs, runs, signal);
  }

  [Symbol.dispose](): void {
    for (const lane of this.#lanes) lane.close();
  }
}

/** One port, and its requests without a reply. */
class LaneConnection {
  readonly #port: MessagePort;
  /** Requests by id. A cancelled request stays here, because the lane is still busy with it. */
  readonly #waiting = new Map<number, Deferred<InferResult>>();
  #nextId = 0;
  #open = true;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on("message", (reply: InferReply) => this.#complete(reply));
    port.on("messageerror", () => this.close());
    port.on("close", () => this.#end());
  }

  get open(): boolean {
    return this.#open;
  }

  get queued(): number {
    return this.#waiting.size;
  }

  async infer(
    feeds: Readonly<Record<string, TensorData>>,
    outputs: readonly string[],
    runs: BatchRuns | null,
    signal: AbortSignal,
  ): Promise<InferResult> {
    const request: InferRequest = { id: this.#nextId, feeds, outputs, runs };
    this.#nextId += 1;
    this.#port.postMessage(request, buffersOf(feeds));
    const reply = deferred<InferResult>();
    this.#waiting.set(request.id, reply);
    const onAbort = () => reply.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await reply.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  close(): void {
    this.#port.close();
    this.#end();
  }

  #complete(reply: InferReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    // For a cancelled request this has no effect: the late reply and its buffers are dropped.
    if (reply.kind === "failed") waiting?.reject(errorFromData(reply.error));
    else waiting?.resolve({ outputs: reply.outputs, feeds: reply.feeds, runMs: reply.runMs });
  }

  #end(): void {
    this.#open = false;
    for (const waiting of this.#waiting.values()) waiting.reject(laneLost());
    this.#waiting.clear();
  }
}

function laneLost(): ShardmillError {
  return new ShardmillError("WORKER_LOST", "the lane that ran this batch is gone");
}
