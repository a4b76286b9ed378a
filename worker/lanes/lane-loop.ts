import type { MessagePort } from "node:worker_threads";
import { type ErrorData, errorToData, isShardmillError } from "../../shared/core/errors.ts";
import type { LaneSession } from "../../shared/onnx/session.ts";
import { buffersOf, type InferReply, type InferRequest } from "./lane-protocol.ts";
import { runInTurn } from "./run-in-turn.ts";

/**
 * Serves requests of many ports with one session, in order of arrival. A failed batch is answered with its
 * error, and does not affect others.
 *
 * The callers bound the inbox: each has a few batches in flight, and waits for its replies.
 */
export class LaneLoop {
  readonly #session: LaneSession;
  readonly #onDeviceLost: (error: ErrorData) => void;
  readonly #ports = new Set<MessagePort>();
  readonly #inbox: { readonly port: MessagePort; readonly request: InferRequest }[] = [];
  #running: Promise<void> | null = null;
  #closed = false;

  constructor(session: LaneSession, onDeviceLost: (error: ErrorData) => void) {
    this.#session = session;
    this.#onDeviceLost = onDeviceLost;
  }

  serve(port: MessagePort): void {
    this.#ports.add(port);
    port.on("close", () => this.#ports.delete(port));
    port.on("message", (request: InferRequest) => {
      if (this.#closed) return;
      this.#inbox.push({ port, request });
      this.#running ??= this.#empty();
    });
  }

  /** Ends after the current batch. Waiting requests get no reply, and their ports close. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#inbox.length = 0;
    await this.#running;
    for (const port of this.#ports) port.close();
    await this.#session[Symbol.asyncDispose]();
  }

  async #empty(): Promise<void> {
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
      // The caller has closed its port, so no reply is needed.
      if (!this.#ports.has(next.port)) continue;
      const reply = await this.#run(next.request);
      next.port.postMessage(reply, buffersOf(reply.feeds, reply.kind === "done" ? reply.outputs : {}));
    }
    this.#running = null;
  }

  async #run({ id, feeds, outputs, runs }: InferRequest): Promise<InferReply> {
    const startMs = performance.now();
    try {
      const results = await (runs === null
        ? this.#session.run(feeds, outputs)
        : runInTurn(this.#session, runs, feeds, outputs));
      return { id, kind: "done", outputs: results, feeds, runMs: performance.now() - startMs };
    } catch (caught) {
      const error = errorToData(caught);
      if (isShardmillError(caught, "WORKER_LOST")) this.#onDeviceLost(error);
      return { id, kind: "failed", error, feeds };
    }
  }
}
