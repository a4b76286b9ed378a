import { Metadata } from "@grpc/grpc-js";
import type { Credential } from "../access/credential.ts";
import { ROLES, type Role } from "../access/roles.ts";

/** Header that every client can send: `grpcurl -H "authorization: Bearer ..."`. */
const HEADER = "authorization";
const SCHEME = /^Bearer +(\S+)$/i;

/** Name of the authenticated caller. The guard sets it, and overwrites values from clients. */
const CALLER = "shardmill-caller";
const CALLER_ROLE = "shardmill-caller-role";

export function authorization({ secret }: Credential): Metadata {
  const metadata = new Metadata();
  if (secret !== null) metadata.set(HEADER, `Bearer ${secret}`);
  return metadata;
}

/** Returns the secret or token of a call. Null: the call has none. */
export function bearerOf(metadata: Metadata): string | null {
  const [value, ...more] = metadata.get(HEADER);
  if (typeof value !== "string" || more.length > 0) return null;
  return SCHEME.exec(value)?.[1] ?? null;
}

/** Authenticated caller of a call. */
export interface KnownCaller {
  /** Name in the audit log. */
  readonly name: string;
  /** Role of the caller. Null: anyone may make the call. */
  readonly role: Role | null;
}

export function markCaller(metadata: Metadata, { name, role }: KnownCaller): Metadata {
  // Token names may have any letters, headers must not.
  metadata.set(CALLER, encodeURIComponent(name));
  metadata.set(CALLER_ROLE, role ?? "");
  return metadata;
}

export function callerIn(metadata: Metadata): KnownCaller {
  const [name] = metadata.get(CALLER);
  const [role] = metadata.get(CALLER_ROLE);
  return {
    name: typeof name === "string" ? decodeURIComponent(name) : "nobody",
    role: ROLES.find((known) => known === role) ?? null,
  };
}
