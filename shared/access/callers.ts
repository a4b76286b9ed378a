import type { Role } from "./roles.ts";

/**
 * Who may call a method or ask for a route: `anyone` who reaches the port, `known` callers of any role, or
 * callers of one role. What is for `anyone` tells nothing about jobs, workers or files.
 */
export type Callers = "anyone" | "known" | Role;

/** Identity of a caller. */
export interface CallerIdentity {
  /** `secret`, `token ID (NAME)`, `certificate ID (NAME)`, or `anyone` of a method that asks for nobody. */
  readonly name: string;
  /** Null of who has the secret, or needs none. */
  readonly token: { readonly id: string; readonly role: Role } | null;
}

/** Name of whoever has the user's secret. */
export const OWNER_NAME = "secret";

/**
 * Returns whom a caller is counted as, where many with one token are one: its identity. Whoever has the
 * secret is counted by connection.
 */
export function callerKey({ name, peer }: { readonly name: string; readonly peer: string }): string {
  return name === OWNER_NAME ? peer : name;
}

/**
 * Kinds by which calls are counted. Those of workers are counted by connection, since a whole fleet may have
 * one token. So are those of whoever has the user's secret: a program of that user that runs wild must not
 * keep out the user.
 */
export const CALL_KINDS = ["work", "submit", "read", "anyone"] as const;
export type CallKind = (typeof CALL_KINDS)[number];
