import type { EventEmitter } from "node:events";
import { ShardmillError } from "../core/errors.ts";

/** A signal that aborts when the caller of a served call goes away: cancelled, disconnected, or past its deadline. */
export function abortOnCancel(call: EventEmitter & { readonly cancelled: boolean }): {
  readonly signal: AbortSignal;
  end(): void;
} {
  const controller = new AbortController();
  const onCancelled = () =>
    controller.abort(new ShardmillError("INTERRUPTED", "the caller went away before its answer"));
  if (call.cancelled) onCancelled();
  call.once("cancelled", onCancelled);
  return { signal: controller.signal, end: () => call.removeListener("cancelled", onCancelled) };
}
