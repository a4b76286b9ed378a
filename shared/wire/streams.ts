import type {
  ClientWritableStream,
  handleClientStreamingCall,
  handleServerStreamingCall,
  MethodDefinition,
  ServerWritableStream,
} from "@grpc/grpc-js";
import { isShardmillError } from "../core/errors.ts";
import { within } from "../core/pace.ts";
import { decodeRequest, decodeResponse, type Method } from "./method.ts";
import type { Peer } from "./peer.ts";
import { toStatus } from "./rpc-error.ts";
import { type Caller, callerOf, hangUp, type Who } from "./server-call.ts";
import { type CallTimes, callOptions, type ReportFailure } from "./unary.ts";

/*
 * Back-pressure: a stream of grpc-js takes 16 messages before `write` returns false, which is 16 MiB of our
 * chunks. Here, each write waits until the previous one was passed to HTTP/2. Its windows then bound how far
 * a writer gets ahead of a slow reader. Callbacks of an ended call are dropped by grpc-js, so no wait depends
 * on a callback alone.
 */

const ignore = () => {};

/**
 * Sends one request, and yields many responses, as fast as the caller reads them. Leaving the loop early
 * cancels the call.
 *
 * @throws as {@link callUnary}
 */
export async function* callServerStream<Request, Response>(
  peer: Peer,
  method: Method<Request, Response>,
  request: Request,
  times: CallTimes,
): AsyncGenerator<Response, void, undefined> {
  const { path, requestSerialize, responseDeserialize } = method.definition;
  const message = method.request.encode(request);
  let cancel = ignore;
  const watch = peer.watchCall(() => cancel(), times.signal);
  const call = peer.client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    message,
    peer.metadata(),
    callOptions(times),
  );
  cancel = () => call.cancel();
  // A cancelled call also emits an error event, after the last read.
  call.on("error", ignore);
  try {
    for await (const response of call) yield decodeResponse(method, response);
  } catch (error) {
    throw watch.reason ?? peer.failureOf(error, method.name);
  } finally {
    watch.end();
    call.cancel();
  }
}

/**
 * Sends many requests, and returns one response. Requests are pulled as fast as they can be sent. If the
 * coordinator responds early, the rest is not pulled.
 *
 * @throws as {@link callUnary}, or errors of `requests`
 */
export async function callClientStream<Request, Response>(
  peer: Peer,
  method: Method<Request, Response>,
  requests: AsyncIterable<Request>,
  times: CallTimes,
): Promise<Response> {
  const upload = new Upload(peer, method.definition, times);
  const watch = peer.watchCall(() => upload.call.cancel(), times.signal);
  try {
    for await (const request of requests) {
      if (upload.answered) break;
      await upload.send(method.request.encode(request));
    }
    upload.call.end();
    return decodeResponse(method, await upload.answer);
  } catch (error) {
    throw watch.reason ?? peer.failureOf(error, method.name);
  } finally {
    watch.end();
    upload.call.cancel();
  }
}

class Upload {
  readonly call: ClientWritableStream<object>;
  readonly answer: Promise<object>;
  answered = false;
  #wake = ignore;

  constructor(peer: Peer, definition: MethodDefinition<object, object>, times: CallTimes) {
    const { path, requestSerialize, responseDeserialize } = definition;
    let settle: (error: Error | null, response: object | undefined) => void = ignore;
    this.answer = new Promise((resolve, reject) => {
      settle = (error, response) => (response === undefined ? reject(error) : resolve(response));
    });
    // Awaited only after the last request, but a refusal may arrive long before.
    this.answer.catch(ignore);
    this.call = peer.client.makeClientStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      peer.metadata(),
      callOptions(times),
      (error, response) => {
        this.answered = true;
        settle(error, response);
        this.#wake();
      },
    );
    this.call.on("error", ignore);
  }

  /** Resolves when the message is sent, or the call has ended. `answer` has the outcome. */
  send(message: object): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.call.write(message, () => resolve());
    });
  }
}

/** Time after which a reader that takes no data is disconnected. */
const READER_MS = 60_000;

/** Limit for readers that take no data, where it depends on the other callers. */
export interface Patience {
  /** Interval at which the limit is checked. */
  readonly lookMs: number;
  /** Returns the limit for a caller. */
  mostMs(who: Who): number;
}

const PATIENCE: Patience = { lookMs: READER_MS, mostMs: () => READER_MS };

/**
 * Makes a grpc-js handler that decodes the request and sends the responses of `answer`, each when the reader
 * has room. A reader that takes no data within the limit of `patience` is disconnected. This frees its file,
 * turn and memory.
 */
export function serveServerStream<Request, Response>(
  method: Method<Request, Response>,
  answer: (request: Request, caller: Pick<Caller, "signal" | "who">) => AsyncIterable<Response>,
  report: ReportFailure,
  patience: Patience = PATIENCE,
): handleServerStreamingCall<object, object> {
  return async (call) => {
    const caller = callerOf(call);
    const { who } = caller;
    try {
      for await (const response of answer(decodeRequest(method, call.request), caller)) {
        const message = method.response.encode(response);
        const written = writeOrAbort(call, message, caller.signal);
        await withPatience(written, who, patience).catch((error: unknown) => {
          if (isShardmillError(error, "DEADLINE_EXCEEDED")) hangUp(call);
          throw error;
        });
      }
      call.end();
    } catch (error) {
      if (caller.signal.aborted) return;
      report(method.name, error);
      call.emit("error", toStatus(error));
    } finally {
      caller.end();
    }
  };
}

/** @throws {DEADLINE_EXCEEDED} when the limit is exceeded */
async function withPatience(written: Promise<void>, who: Who, patience: Patience): Promise<void> {
  const { lookMs } = patience;
  for (let waitedMs = lookMs; ; waitedMs += lookMs) {
    try {
      return await within(written, lookMs);
    } catch (error) {
      const isLate = isShardmillError(error, "DEADLINE_EXCEEDED");
      if (!isLate || waitedMs >= patience.mostMs(who)) throw error;
    }
  }
}

function writeOrAbort(
  call: ServerWritableStream<object, object>,
  message: object,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    call.write(message, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}

/**
 * Makes a grpc-js handler that passes decoded requests to `answer` as they are pulled, and encodes its
 * response.
 *
 * The end of the requests does not mean that all arrived. Node ends a stream when it resets it, so a
 * cancelled call may look complete. `answer` must detect completeness from the requests themselves.
 */
export function serveClientStream<Request, Response>(
  method: Method<Request, Response>,
  answer: (requests: AsyncIterable<Request>, caller: Pick<Caller, "signal" | "who">) => Promise<Response>,
  report: ReportFailure,
): handleClientStreamingCall<object, object> {
  return async (call, respond) => {
    const caller = callerOf(call);
    call.on("error", ignore);
    const requests = decodeRequests(method, call, caller.signal);
    try {
      respond(null, method.response.encode(await answer(requests, caller)));
    } catch (error) {
      if (!caller.signal.aborted) report(method.name, error);
      respond(toStatus(error));
    } finally {
      caller.end();
    }
  };
}

async function* decodeRequests<Request>(
  method: Method<Request, unknown>,
  messages: AsyncIterable<unknown>,
  signal: AbortSignal,
): AsyncGenerator<Request, void, undefined> {
  try {
    for await (const message of messages) yield decodeRequest(method, message);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
