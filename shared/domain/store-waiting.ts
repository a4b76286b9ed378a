import type { ErrorField } from "../core/errors.ts";

/** Store that throttles or is unreachable while shards or partials of a job wait for it. */
export interface StoreWaiting {
  /** Name as in the store counts. Empty: the failure names none. */
  readonly store: string;
  readonly seconds: number;
  readonly reason: string;
}

interface Failure {
  readonly message: string;
  readonly fields: Readonly<Record<string, ErrorField>>;
}

export function storeWaiting({ message, fields }: Failure, sinceMs: number, nowMs: number): StoreWaiting {
  const { store, throttled } = fields;
  return {
    store: typeof store === "string" ? store : "",
    seconds: Math.max(0, nowMs - sinceMs) / 1_000,
    reason: throttled === true ? "throttled" : message,
  };
}
