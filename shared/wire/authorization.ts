import { Metadata } from "@grpc/grpc-js";
import type { Credential } from "../access/credential.ts";

/** The header that every client can send: `grpcurl -H "authorization: Bearer ..."`. */
const HEADER = "authorization";
const SCHEME = /^Bearer +(\S+)$/i;

/** Who makes a call, as the guard found; what a client says of it is overwritten. */
const CALLER = "shardmill-caller";

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

/** @param name as the audit log has it */
export function markCaller(metadata: Metadata, name: string): Metadata {
  // Names of tokens may have any letters; headers may not.
  metadata.set(CALLER, encodeURIComponent(name));
  return metadata;
}

/** Who makes a call that the guard has let in. */
export function callerName(metadata: Metadata): string {
  const [name] = metadata.get(CALLER);
  return typeof name === "string" ? decodeURIComponent(name) : "nobody";
}
