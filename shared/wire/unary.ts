import type { CallOptions, handleUnaryCall } from "@grpc/grpc-js";
import { decodeRequest, decodeResponse, type Method } from "./method.ts";
import type { Peer } from "./peer.ts";
import { toStatus } from "./rpc-error.ts";
import { type Caller, callerOf } from "./server-call.ts";

export interface CallTimes {
  /** Limit of the whole call. Null: no limit, for streams that keepalive monitors. */
  readonly deadlineMs: number | null;
  readonly signal: AbortSignal;
}

/** Timers overflow at 24.9 days. No call needs a day. */
export const MAX_DEADLINE_MS = 86_400_000;

export function callOptions({ deadlineMs }: CallTimes): CallOptions {
  return deadlineMs === null ? {} : { deadline: Date.now() + Math.min(deadlineMs, MAX_DEADLINE_MS) };
}

/**
 * Sends one request, and returns its response.
 *
 * @throws the signal's reason once it aborts, the coordinator's error, or the transport's ({@link
 * fromStatus})
 */
export async function callUnary<Request, Response>(
  peer: Peer,
  method: Method<Request, Response>,
  request: Request,
  times: CallTimes,
): Promise<Response> {
  const { path, requestSerialize, responseDeserialize } = method.definition;
  const message = method.request.encode(request);
  let cancel = () => {};
  const watch = peer.watchCall(() => cancel(), times.signal);
  try {
    const answer = await new Promise<unknown>((resolve, reject) => {
      const call = peer.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        peer.metadata(),
        callOptions(times),
        (error, response) => (error === null ? resolve(response) : reject(error)),
      );
      cancel = () => call.cancel();
    });
    return decodeResponse(method, answer);
  } catch (error) {
    throw watch.reason ?? peer.failureOf(error, method.name);
  } finally {
    watch.end();
  }
}

/** Receives every call that failed on the server, before its response is sent. */
export type ReportFailure = (method: string, error: unknown) => void;

/** Makes a grpc-js handler that decodes, calls `answer`, and encodes. */
export function serveUnary<Request, Response>(
  method: Method<Request, Response>,
  answer: (request: Request, caller: Pick<Caller, "signal" | "who">) => Promise<Response>,
  report: ReportFailure,
): handleUnaryCall<object, object> {
  return async (call, respond) => {
    const caller = callerOf(call);
    try {
      const response = await answer(decodeRequest(method, call.request), caller);
      respond(null, method.response.encode(response));
    } catch (error) {
      if (!caller.hasEnded) report(method.name, error);
      respond(toStatus(error));
    } finally {
      caller.end();
    }
  };
}
