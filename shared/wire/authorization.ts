import { Metadata } from "@grpc/grpc-js";
import type { Credential } from "../access/credential.ts";

/** The header that every client can send: `grpcurl -H "authorization: Bearer ..."`. */
const HEADER = "authorization";
const SCHEME = /^Bearer +(\S+)$/i;

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
