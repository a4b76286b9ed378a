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

/** Name of a caller with the user's secret. */
export const OWNER_NAME = "secret";

/**
 * Returns the key by which a caller is counted. Callers with one token are one. Callers with the secret are
 * counted by connection.
 */
export function callerKey({ name, peer }: { readonly name: string; readonly peer: string }): string {
  return name === OWNER_NAME ? peer : name;
}

/**
 * Kinds by which calls are counted. Those of workers are counted by connection, since a whole fleet may have
 * one token. So are calls with the user's secret: a program that runs wild must not keep
 * out its own user.
 */
export const CALL_KINDS = ["work", "submit", "read", "anyone"] as const;
export type CallKind = (typeof CALL_KINDS)[number];
