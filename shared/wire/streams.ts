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
 * chunks. Here each write waits until the one before it was handed to HTTP/2, whose windows then say how far
 * a slow reader lets the writer run ahead. grpc-js drops the callbacks of a call that has ended, so no wait
 * hangs on a callback alone.
 */

const ignore = () => {};

/**
 * One request, many responses, read as fast as the caller takes them. Leaving the loop early cancels the
 * call.
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
  // The status of a cancelled call is an error event too, and comes when nobody reads any more.
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
 * Many requests, one response. The requests are pulled as fast as they can be sent; when the coordinator
 * answers before all are sent, the rest is not pulled.
 *
 * @throws as {@link callUnary}, or what `requests` throws
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
    // Awaited only after the last request; a refusal may come long before.
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

  /** Resolves when the message is on its way, or the call has ended: `answer` knows how. */
  send(message: object): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.call.write(message, () => resolve());
    });
  }
}

/** How long a reader may take nothing in of what is there for it: then its call is cut off. */
const READER_MS = 60_000;

/** How long readers may take nothing in, where that depends on who else is there. */
export interface Patience {
  /** It is asked so often, while a reader takes nothing in. */
  readonly lookMs: number;
  /** With whose call it is. */
  mostMs(who: Who): number;
}

const PATIENCE: Patience = { lookMs: READER_MS, mostMs: () => READER_MS };

/**
 * The grpc-js handler that decodes the request and sends what `answer` yields, each when the reader has room.
 * A reader that takes nothing in for as long as `patience` allows is cut off, so that what it holds (a file,
 * a turn, memory) is free.
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

/** @throws {DEADLINE_EXCEEDED} when patience has come to its end */
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
 * The grpc-js handler that hands the decoded requests to `answer` as they are pulled, and encodes its
 * response.
 *
 * The end of the requests does not say that all have come: Node ends a stream that it resets, so a cancelled
 * call may look like a complete one. `answer` must know from the requests themselves when they are complete.
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
