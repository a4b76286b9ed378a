import { ShardmillError } from "../core/errors.ts";
import { takeEarlySignals } from "./early-signals.ts";

/** What the user has asked for by SIGINT or SIGTERM, until disposed of. */
export interface StopSignals extends Disposable {
  /** Aborted at the first signal: finish or hand back what is at hand, then end. */
  readonly asked: AbortSignal;
  /** Aborted at the second: end now. */
  readonly atOnce: AbortSignal;
}

/**
 * Listens for signals to stop, those too that came while the command was loaded. While it lives the process
 * does not end by the first two: whoever asks must end it. At the third it ends whatever hangs: the journal
 * is made for that.
 */
export function listenForStopSignals(): StopSignals {
  const asked = new AbortController();
  const atOnce = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (!atOnce.signal.aborted) {
      (asked.signal.aborted ? atOnce : asked).abort(interrupted());
      return;
    }
    // By the signal itself: an exit would first wait for whatever native call hangs.
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
    asked: asked.signal,
    atOnce: atOnce.signal,
    [Symbol.dispose]: stopListening,
  };
}

/** Calls `act` when the signal aborts, also when it has already. */
export function whenAborted(act: () => void, signal: AbortSignal): void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
}

/** What a command that was told to stop ends with: exit code 130. */
function interrupted(): ShardmillError {
  return new ShardmillError("INTERRUPTED", "stopped by a signal", {
    hint: "the same command goes on where this one stopped",
  });
}

export function untilAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => whenAborted(() => resolve(undefined), signal));
}
