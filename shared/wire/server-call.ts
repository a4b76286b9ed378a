import type { EventEmitter } from "node:events";
import { constants, type ServerHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";
import type { Metadata } from "@grpc/grpc-js";
import { ShardmillError } from "../core/errors.ts";
import { callerIn, type KnownCaller } from "./authorization.ts";

/** Identity and address of a caller. */
export interface Who extends KnownCaller {
  /** Address and port. */
  readonly peer: string;
}

/** Caller of a served call, while the call runs. */
export interface Caller {
  readonly who: Who;
  /** Aborts when the call is cancelled, disconnected, or past its deadline. Created on first use. */
  readonly signal: AbortSignal;
  readonly hasEnded: boolean;
  /** Stops watching the call. */
  end(): void;
}

type ServedCall = EventEmitter & {
  readonly cancelled: boolean;
  readonly metadata: Metadata;
  getPeer(): string;
};

/**
 * Returns the caller of a call. Creates the signal and its listener only on first use, because most calls end
 * at once.
 */
export function callerOf(call: ServedCall): Caller {
  let controller: AbortController | null = null;
  const onCancelled = () =>
    controller?.abort(new ShardmillError("INTERRUPTED", "the caller disconnected before the response"));
  return {
    get who() {
      return { ...callerIn(call.metadata), peer: call.getPeer() };
    },
    get signal() {
      if (controller === null) {
        controller = new AbortController();
        if (call.cancelled) onCancelled();
        else call.once("cancelled", onCancelled);
      }
      return controller.signal;
    },
    get hasEnded() {
      return call.cancelled;
    },
    end() {
      if (controller !== null) call.removeListener("cancelled", onCancelled);
    },
  };
}

/**
 * Ends a call whose caller does not read. A status would wait behind unread data for as long as the
 * connection lasts. Resets the HTTP/2 stream below the call, because grpc-js has no method for that.
 */
export function hangUp(call: unknown): void {
  http2StreamOf(call)?.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
}

/** Returns the HTTP/2 stream below a call or its interceptors. Null: this version of grpc-js hides it. */
export function http2StreamOf(call: unknown): ServerHttp2Stream | null {
  const { stream, call: below, nextCall } = (call ?? {}) as Readonly<Record<string, unknown>>;
  if (isStream(stream)) return stream;
  return below === undefined && nextCall === undefined ? null : http2StreamOf(below ?? nextCall);
}

function isStream(value: unknown): value is ServerHttp2Stream {
  return value instanceof Duplex && "close" in value && "headersSent" in value;
}
