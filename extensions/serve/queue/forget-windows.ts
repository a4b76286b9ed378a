import type { Timers } from "../../../shared/core/clock.ts";
import { messageOf } from "../../../shared/core/errors.ts";
import type { Logger } from "../../../shared/core/log.ts";
import type { Spool } from "./spool.ts";
import type { WindowId } from "./window-id.ts";

/** Interval of checks for keys to forget. */
const FORGET_MS = 60_000;

interface ForgetOptions {
  readonly clock: Timers;
  readonly spool: Pick<Spool, "remove">;
  readonly log: Logger;
  /** Returns the windows whose keys are forgotten now. */
  readonly expired: () => readonly WindowId[];
  /** Work in progress, which the owner waits for. */
  readonly atWork: Set<Promise<void>>;
}

/**
 * Removes windows with forgotten keys from the spool, periodically.
 *
 * @returns a function that stops this
 */
export function forgetPeriodically({ clock, spool, log, expired, atWork }: ForgetOptions): () => void {
  const left: WindowId[] = [];
  const forget = async () => {
    left.push(...expired());
    for (let id = left[0]; id !== undefined; id = left[0]) {
      await spool.remove(id);
      left.shift();
    }
  };
  let isOver = false;
  let callOff = () => {};
  const later = () => {
    callOff = clock.after(FORGET_MS, () => {
      const work = forget()
        .catch((error: unknown) =>
          log.warn({ reason: messageOf(error) }, "a window cannot be removed, retrying"),
        )
        .finally(() => {
          atWork.delete(work);
          if (!isOver) later();
        });
      // Shutdown waits for this, since the next owner opens the same spool.
      atWork.add(work);
    });
  };
  later();
  return () => {
    isOver = true;
    callOff();
  };
}
