import { Metadata } from "@grpc/grpc-js";
import type { Credential } from "../access/credential.ts";
import { ROLES, type Role } from "../access/roles.ts";

/** The header that every client can send: `grpcurl -H "authorization: Bearer ..."`. */
const HEADER = "authorization";
const SCHEME = /^Bearer +(\S+)$/i;

/** Who makes a call, as the guard found; what a client says of it is overwritten. */
const CALLER = "shardmill-caller";
const CALLER_ROLE = "shardmill-caller-role";

export function authorization({ secret }: Credential): Metadata {
  const metadata = new Metadata();
  if (secret !== null) metadata.set(HEADER, `Bearer ${secret}`);
  return metadata;
}

/** The secret or token that a call came with; null when it came without one. */
export function bearerOf(metadata: Metadata): string | null {
  const [value, ...more] = metadata.get(HEADER);
  if (typeof value !== "string" || more.length > 0) return null;
  return SCHEME.exec(value)?.[1] ?? null;
}

/** Who makes a call that the guard has let in. */
export interface KnownCaller {
  /** As the audit log has it. */
  readonly name: string;
  /** Null of whoever needs none, since anyone may make the call. */
  readonly role: Role | null;
}

export function markCaller(metadata: Metadata, { name, role }: KnownCaller): Metadata {
  // Names of tokens may have any letters; headers may not.
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
