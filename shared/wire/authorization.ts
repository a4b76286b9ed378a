import { Metadata } from "@grpc/grpc-js";
import type { Credential } from "../access/credential.ts";
import type { Role } from "../access/roles.ts";

/** Header that every client can send: `grpcurl -H "authorization: Bearer ..."`. */
const HEADER = "authorization";
const SCHEME = /^Bearer +(\S+)$/i;

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

/** Callers of the open calls, by the calls' metadata. No client can set an entry. */
const callers = new WeakMap<Metadata, KnownCaller>();

/** Notes the caller of a call. The call's handler receives the same metadata. */
export function markCaller(metadata: Metadata, caller: KnownCaller): Metadata {
  callers.set(metadata, caller);
  return metadata;
}

export function callerIn(metadata: Metadata): KnownCaller {
  return callers.get(metadata) ?? { name: "nobody", role: null };
}
