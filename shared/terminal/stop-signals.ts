import { ShardmillError } from "../core/errors.ts";
import { takeEarlySignals } from "./early-signals.ts";

/** Requests to stop by SIGINT or SIGTERM. Listens until disposed. */
export interface StopSignals extends Disposable {
  /** Aborted at the first signal: finish or release current work, then end. */
  readonly requested: AbortSignal;
  /** Aborted at the second signal: end now. */
  readonly atOnce: AbortSignal;
}

/**
 * Listens for signals to stop, including those that arrived while the command loaded. The first two signals
 * no longer end the process, so the caller must end it. The third ends it at once, even if it hangs: the
 * journal survives that.
 */
export function listenForStopSignals(): StopSignals {
  const requested = new AbortController();
  const atOnce = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (!atOnce.signal.aborted) {
      (requested.signal.aborted ? atOnce : requested).abort(interrupted());
      return;
    }
    // Ends by the signal itself, because an exit would first wait for native calls that may hang.
    stopListening();
    process.kill(process.pid, signal);
  };
  const stopListening = () => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  for (const signal of takeEarlySignals()) onSignal(signal);
  return {
    requested: requested.signal,
    atOnce: atOnce.signal,
    [Symbol.dispose]: stopListening,
  };
}

/** Calls `act` when the signal aborts, or now if it already has. */
export function whenAborted(act: () => void, signal: AbortSignal): void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
}

/** Makes the error of a command that was asked to stop: exit code 130. */
function interrupted(): ShardmillError {
  return new ShardmillError("INTERRUPTED", "stopped by a signal", {
    hint: "run the same command again to resume",
  });
}

export function untilAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => whenAborted(() => resolve(undefined), signal));
}
