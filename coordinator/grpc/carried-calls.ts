import type { handleBidiStreamingCall, ServerDuplexStream } from "@grpc/grpc-js";
import { ShardmillError } from "../../shared/core/errors.ts";
import { decodeRequest, type Method } from "../../shared/wire/method.ts";
import { workMethods } from "../../shared/wire/methods-work.ts";
import { toFailure, toStatus } from "../../shared/wire/rpc-error.ts";
import { type Caller, callerOf } from "../../shared/wire/server-call.ts";
import type { ReportFailure } from "../../shared/wire/unary.ts";

/** Caller of a carried call. */
export type CarriedCaller = Pick<Caller, "signal" | "who">;

/** Method that streams of calls carry. */
export interface CarriedMethod {
  readonly name: string;
  /** Decodes a request, and returns the encoded response. */
  readonly answer: (request: Buffer, caller: CarriedCaller) => Promise<Uint8Array>;
}

export function carried<Request, Response>(
  method: Method<Request, Response>,
  answer: (request: Request, caller: CarriedCaller) => Promise<Response>,
): CarriedMethod {
  const { requestDeserialize, responseSerialize } = method.definition;
  return {
    name: method.name,
    answer: async (request, caller) => {
      const decoded = decodeRequest(method, requestDeserialize(request));
      return responseSerialize(method.response.encode(await answer(decoded, caller)));
    },
  };
}

/** Limit of open calls of a stream, as of the streams of a connection. A worker has a few. */
const MOST_OPEN = 128;

/** Streams of calls, see `Calls` in `work.proto`. */
export class CarriedCalls {
  readonly #methods: ReadonlyMap<string, CarriedMethod>;
  readonly #report: ReportFailure;
  readonly #streams = new Set<CallStream>();
  #isClosing = false;

  constructor(methods: readonly CarriedMethod[], report: ReportFailure) {
    this.#methods = new Map(methods.map((method) => [method.name, method]));
    this.#report = report;
  }

  readonly handler: handleBidiStreamingCall<object, object> = (call) => {
    const stream = new CallStream(call, this.#methods, this.#report);
    this.#streams.add(stream);
    call.once("cancelled", () => {
      this.#streams.delete(stream);
      stream.cancelAll();
    });
    if (this.#isClosing) stream.endWhenIdle();
  };

  /** Ends each stream once it has no open call. A worker would keep it open for as long as it runs. */
  close(): void {
    this.#isClosing = true;
    for (const stream of this.#streams) stream.endWhenIdle();
  }
}

class CallStream {
  readonly #call: ServerDuplexStream<object, object>;
  readonly #methods: ReadonlyMap<string, CarriedMethod>;
  readonly #report: ReportFailure;
  readonly #caller: Caller;
  readonly #open = new Map<number, OpenCall>();
  #isEnding = false;

  constructor(
    call: ServerDuplexStream<object, object>,
    methods: ReadonlyMap<string, CarriedMethod>,
    report: ReportFailure,
  ) {
    this.#call = call;
    this.#methods = methods;
    this.#report = report;
    this.#caller = callerOf(call);
    call.on("error", () => {});
    call.on("data", (message) => this.#take(message));
    call.on("end", () => this.endWhenIdle());
  }

  endWhenIdle(): void {
    this.#isEnding = true;
    if (this.#open.size === 0) this.#call.end();
  }

  cancelAll(): void {
    for (const open of this.#open.values()) open.cancel();
  }

  #take(message: object): void {
    // The worker repeats the call on another stream.
    if (this.#call.writableEnded) return;
    try {
      const { call, method, request } = decodeRequest(workMethods.calls, message);
      if (method === "") this.#open.get(call)?.cancel();
      else void this.#answer(call, method, Buffer.from(request.buffer, request.byteOffset, request.length));
    } catch (error) {
      this.#report("Calls", error);
      this.#call.emit("error", toStatus(error));
    }
  }

  async #answer(call: number, name: string, request: Buffer): Promise<void> {
    const open = new OpenCall(this.#caller);
    if (this.#open.size >= MOST_OPEN || this.#open.has(call)) {
      this.#send(call, { failure: toFailure(tooMany()) });
      return;
    }
    this.#open.set(call, open);
    try {
      const method = this.#methods.get(name);
      if (method === undefined) throw unknown(name);
      this.#send(call, { response: await method.answer(request, open) });
    } catch (error) {
      if (!this.#caller.hasEnded && !open.isCancelled) this.#report(name, error);
      this.#send(call, { failure: toFailure(error) });
    } finally {
      this.#open.delete(call);
      if (this.#isEnding) this.endWhenIdle();
    }
  }

  #send(call: number, answer: object): void {
    if (this.#caller.hasEnded) return;
    // A caller that does not read gets no more calls answered until it does.
    if (this.#call.write({ call, ...answer }) || this.#call.isPaused()) return;
    this.#call.pause();
    this.#call.once("drain", () => this.#call.resume());
  }
}

/** A call on the stream, as its method sees its caller. */
class OpenCall implements CarriedCaller {
  readonly #stream: Caller;
  #controller: AbortController | null = null;
  isCancelled = false;

  constructor(stream: Caller) {
    this.#stream = stream;
  }

  get who() {
    return this.#stream.who;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.isCancelled) this.cancel();
    return this.#controller.signal;
  }

  cancel(): void {
    this.isCancelled = true;
    this.#controller?.abort(new ShardmillError("INTERRUPTED", "the caller disconnected before the response"));
  }
}

function tooMany(): ShardmillError {
  return new ShardmillError("RESOURCE_EXHAUSTED", `a stream of calls has at most ${MOST_OPEN} open calls`, {
    fields: { most: MOST_OPEN },
  });
}

function unknown(method: string): ShardmillError {
  return new ShardmillError("ARGUMENT_INVALID", `streams of calls do not carry ${method}`, {
    fields: { method },
  });
}
