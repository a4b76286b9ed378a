import { systemClock, type Timers } from "../../shared/core/clock.ts";
import type { CredentialProvider } from "./credential-cache.ts";

/** Longest wait for a provider of credentials: as long as a store may be silent. */
const PROVIDER_WAIT_MS = 30_000;

/**
 * Bounds each call of a provider: vendors' libraries wait for a silent one without end. A call after a silent
 * one opens another provider, since libraries hand all callers the same pending answer.
 *
 * @param silent makes the error of a provider that does not answer within so many seconds
 */
export function boundedProvider<C>(
  open: () => CredentialProvider<C>,
  silent: (seconds: number) => Error,
  timers: Timers = systemClock,
): CredentialProvider<C> {
  let provide: CredentialProvider<C> | null = null;
  return async (options) => {
    provide ??= open();
    const asked = provide;
    let callOff = (): void => {};
    const silence = new Promise<never>((_, reject) => {
      callOff = timers.after(PROVIDER_WAIT_MS, () => {
        if (provide === asked) provide = null;
        reject(silent(PROVIDER_WAIT_MS / 1_000));
      });
    });
    try {
      return await Promise.race([asked(options), silence]);
    } finally {
      callOff();
    }
  };
}
