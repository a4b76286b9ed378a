import { type ClientDuplexStream, type Metadata, status } from "@grpc/grpc-js";
import { type Deferred, deferred, NEVER } from "../core/abort.ts";
import { decodeResponse, type Method } from "./method.ts";
import { type CarriedAnswer, workMethods } from "./methods-work.ts";
import type { Peer } from "./peer.ts";
import { fromFailure } from "./rpc-error.ts";
import { type CallTimes, callUnary, MAX_DEADLINE_MS } from "./unary.ts";

const { definition: CALLS } = workMethods.calls;
const EMPTY = new Uint8Array();

/**
 * Makes calls of a worker on one stream, see `Calls` in `work.proto`. Opens the stream at the first call, and
 * again after its end. A coordinator that does not support it gets each call alone.
 */
export class CarriedCalls {
  readonly #peer: Peer;
  #stream: CallStream | null = null;
  #isSupported = true;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  /** Sends one request, and returns its response. @throws as {@link callUnary} */
  async call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    times: CallTimes & { readonly deadlineMs: number },
  ): Promise<Response> {
    if (!this.#isSupported) return callUnary(this.#peer, method, request, times);
    const message = method.definition.requestSerialize(method.request.encode(request));
    let stop = () => {};
    const watch = this.#peer.watchCall(() => stop(), times.signal);
    const open = this.#open().start(method.name, message);
    stop = () => open.fail(status.CANCELLED);
    const limitMs = Math.min(times.deadlineMs, MAX_DEADLINE_MS);
    const late = setTimeout(() => open.fail(status.DEADLINE_EXCEEDED), limitMs);
    try {
      return decodeResponse(method, method.definition.responseDeserialize(await open.answered));
    } catch (error) {
      if (watch.reason !== undefined) throw watch.reason;
      if (!isUnsupported(error)) throw this.#peer.failureOf(error, method.name);
      this.#isSupported = false;
    } finally {
      clearTimeout(late);
      watch.end();
    }
    return callUnary(this.#peer, method, request, times);
  }

  /** Returns the open stream. A new credential needs a new stream, because the old one may end soon. */
  #open(): CallStream {
    const metadata = this.#peer.metadata();
    const credential = String(metadata.get("authorization"));
    if (this.#stream === null || this.#stream.isOver || this.#stream.credential !== credential) {
      this.#stream?.endWhenIdle();
      this.#stream = new CallStream(this.#peer, metadata, credential);
    }
    return this.#stream;
  }
}

interface StartedCall {
  readonly answered: Promise<Buffer>;
  /** Fails the call, and cancels it at the coordinator. */
  fail(code: status): void;
}

class CallStream {
  readonly credential: string;
  isOver = false;
  readonly #stream: ClientDuplexStream<object, object>;
  readonly #open = new Map<number, Deferred<Buffer>>();
  #last = 0;
  #isEnding = false;

  constructor(peer: Peer, metadata: Metadata, credential: string) {
    this.credential = credential;
    const { path, requestSerialize, responseDeserialize } = CALLS;
    this.#stream = peer.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    const watch = peer.watchCall(() => this.#stream.cancel(), NEVER);
    this.#stream.on("data", (message) => this.#take(message));
    this.#stream.on("error", (error) => this.#end(error));
    this.#stream.on("status", () => {
      watch.end();
      this.#end(failure(status.UNAVAILABLE, "the coordinator ended the stream"));
    });
  }

  start(method: string, request: Buffer): StartedCall {
    this.#last += 1;
    const call = this.#last;
    const answered = deferred<Buffer>();
    this.#open.set(call, answered);
    this.#stream.write({ call, method, request });
    const fail = (code: status) => {
      if (!this.#open.has(call)) return;
      this.#stream.write({ call, method: "", request: EMPTY });
      this.#close(call, (open) => open.reject(failure(code, "")));
    };
    return { answered: answered.promise, fail };
  }

  endWhenIdle(): void {
    this.#isEnding = true;
    if (this.#open.size === 0) this.#stream.end();
  }

  #take(message: object): void {
    let answer: CarriedAnswer;
    try {
      answer = decodeResponse(workMethods.calls, message);
    } catch (error) {
      this.#end(error);
      this.#stream.cancel();
      return;
    }
    const { call, response, failure: failed } = answer;
    this.#close(call, (open) => {
      if (failed !== null) open.reject(fromFailure(failed));
      else open.resolve(asBuffer(response ?? EMPTY));
    });
  }

  #close(call: number, answer: (open: Deferred<Buffer>) => void): void {
    const open = this.#open.get(call);
    // The response to a call that was cancelled.
    if (open === undefined) return;
    this.#open.delete(call);
    answer(open);
    if (this.#isEnding) this.endWhenIdle();
  }

  #end(error: unknown): void {
    this.isOver = true;
    for (const open of this.#open.values()) open.reject(error);
    this.#open.clear();
  }
}

function failure(code: status, message: string): Error {
  return fromFailure({ code, message, error: EMPTY });
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === status.UNIMPLEMENTED;
}
