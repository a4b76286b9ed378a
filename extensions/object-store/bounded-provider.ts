import { systemClock, type Timers } from "../../shared/core/clock.ts";
import type { CredentialProvider } from "./credential-cache.ts";

/** Limit of a wait for a credentials provider, equal to a store's. */
const PROVIDER_WAIT_MS = 30_000;

/**
 * Limits each call of a provider, because the vendors' libraries wait for an unresponsive one forever. The
 * next call opens another provider, because libraries give all callers the same pending promise.
 *
 * @param silent makes the error of a provider that does not answer within `seconds`
 */
export function boundedProvider<C>(
  open: () => CredentialProvider<C>,
  silent: (seconds: number) => Error,
  timers: Timers = systemClock,
): CredentialProvider<C> {
  let provide: CredentialProvider<C> | null = null;
  return async (options) => {
    provide ??= open();
    const requested = provide;
    let callOff = (): void => {};
    const silence = new Promise<never>((_, reject) => {
      callOff = timers.after(PROVIDER_WAIT_MS, () => {
        if (provide === requested) provide = null;
        reject(silent(PROVIDER_WAIT_MS / 1_000));
      });
    });
    try {
      return await Promise.race([requested(options), silence]);
    } finally {
      callOff();
    }
  };
}
