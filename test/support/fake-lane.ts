import { MessageChannel, type MessagePort } from "node:worker_threads";
import { deferred } from "../../shared/core/abort.ts";
import { errorToData } from "../../shared/core/errors.ts";
import { buffersOf, type InferReply, type InferRequest } from "../../worker/lanes/lane-protocol.ts";
import { type FakeModel, sumModel } from "./shard-job.ts";

/**
 * A lane without a thread. Answers on one end of a channel as a lane thread does. `port` is the other end.
 */
export class FakeLane implements Disposable {
  readonly port: MessagePort;
  readonly #mine: MessagePort;
  readonly #first = deferred<void>();
  readonly batchRows: number[] = [];

  constructor(model: FakeModel = {}) {
    const { port1, port2 } = new MessageChannel();
    this.port = port2;
    this.#mine = port1;
    port1.on("message", (request: InferRequest) => {
      this.batchRows.push(request.feeds.x?.dims[0] ?? 0);
      this.#first.resolve();
      void Promise.resolve(model.gate).then(() => this.#answer(request, model));
    });
  }

  /** Resolves once a batch has arrived. */
  get reached(): Promise<void> {
    return this.#first.promise;
  }

  #answer({ id, feeds, outputs }: InferRequest, model: FakeModel): void {
    let reply: InferReply;
    try {
      const scores = sumModel(feeds.x, model);
      reply = {
        id,
        kind: "done",
        outputs: Object.fromEntries(outputs.map((name) => [name, scores])),
        feeds,
        runMs: 1,
      };
    } catch (error) {
      reply = { id, kind: "failed", error: errorToData(error), feeds };
    }
    this.#mine.postMessage(reply, buffersOf(reply.feeds, reply.kind === "done" ? reply.outputs : {}));
  }

  [Symbol.dispose](): void {
    this.#mine.close();
  }
}
