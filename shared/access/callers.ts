import type { Role } from "./roles.ts";

/**
 * Callers that a method or route accepts: `anyone` who reaches the port, `known` callers of any role, or
 * callers of one role. Methods for `anyone` reveal nothing about jobs, workers or files.
 */
export type Callers = "anyone" | "known" | Role;

/** Identity of a caller. */
export interface CallerIdentity {
  /**
   * Name: `secret`, `token ID (NAME)`, `certificate ID (NAME)`, or `anyone` if the method does not
   * authenticate.
   */
  readonly name: string;
  /** Token of the caller. Null: the caller has the secret, or needs none. */
  readonly token: { readonly id: string; readonly role: Role } | null;
}

/** Name of a caller with the user's secret. */
export const OWNER_NAME = "secret";

/**
 * Returns the rate-limit key of a caller: the token's identity, or the connection for holders of the secret.
 */
export function callerKey({ name, peer }: { readonly name: string; readonly peer: string }): string {
  return name === OWNER_NAME ? peer : name;
}

/**
 * Kinds of calls, for rate limits. Calls of workers are counted by connection, because a whole fleet may
 * share one token. So are calls with the user's secret: a faulty program must not lock out its own user.
 */
export const CALL_KINDS = ["work", "submit", "read", "anyone"] as const;
export type CallKind = (typeof CALL_KINDS)[number];
