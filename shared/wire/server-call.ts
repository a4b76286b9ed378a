import type { EventEmitter } from "node:events";
import { constants } from "node:http2";
import type { Metadata } from "@grpc/grpc-js";
import { ShardmillError } from "../core/errors.ts";
import { callerIn, type KnownCaller } from "./authorization.ts";

/** Who it is that calls. */
export interface Who extends KnownCaller {
  /** Address and port. */
  readonly peer: string;
}

/** Who made a served call, as long as it runs. */
export interface Caller {
  readonly who: Who;
  /**
   * Aborts when the caller goes away: cancelled, disconnected, or past its deadline. Made when it is first
   * asked for.
   */
  readonly signal: AbortSignal;
  readonly isGone: boolean;
  /** Nobody looks at the signal any more. */
  end(): void;
}

type ServedCall = EventEmitter & {
  readonly cancelled: boolean;
  readonly metadata: Metadata;
  getPeer(): string;
};

/**
 * Most calls are answered at once and never look whether their caller waits: those are spared a signal and a
 * listener.
 */
export function callerOf(call: ServedCall): Caller {
  let controller: AbortController | null = null;
  const onCancelled = () =>
    controller?.abort(new ShardmillError("INTERRUPTED", "the caller went away before its answer"));
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
    get isGone() {
      return call.cancelled;
    },
    end() {
      if (controller !== null) call.removeListener("cancelled", onCancelled);
    },
  };
}

/**
 * Cuts a call off whose caller takes nothing in: a status would wait behind what it does not take, for as
 * long as the connection lives. grpc-js has no word for that, so the HTTP/2 stream is reset that lies below
 * the call.
 */
export function hangUp(call: unknown): void {
  const { stream, call: below, nextCall } = (call ?? {}) as Readonly<Record<string, unknown>>;
  if (isStream(stream)) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  else if (below !== undefined || nextCall !== undefined) hangUp(below ?? nextCall);
}

function isStream(value: unknown): value is { close(code: number): void } {
  return typeof value === "object" && value !== null && "close" in value && typeof value.close === "function";
}
