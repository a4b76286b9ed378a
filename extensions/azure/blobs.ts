import { createHash } from "node:crypto";
import type { AnswerHead, BodyReader } from "../../shared/http/messages.ts";
import { ignoring } from "../object-store/bodies.ts";
import type { ObjectPut } from "../object-store/object-client.ts";
import { codeIn } from "./errors.ts";

/** Metadata header that keeps the SHA-256 of a blob's bytes. */
export const SHA256_HEADER = "x-ms-meta-shardmillsha256";

/** Returns the headers of a request that makes a blob. */
export function saidOf(put: Pick<ObjectPut, "sha256" | "ifAbsent">): Record<string, string> {
  return { [SHA256_HEADER]: put.sha256, ...absenceOf(put) };
}

/** Returns the header of a put that must not overwrite a blob. */
export function absenceOf({ ifAbsent }: Pick<ObjectPut, "ifAbsent">): Record<string, string> {
  return ifAbsent ? { "if-none-match": "*" } : {};
}

/** Returns the MD5 in base64. */
export function md5Of(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("base64");
}

/** Reads the response to a put. Null: an unexpected response. */
export function placedBy(
  head: AnswerHead,
  { ifAbsent }: Pick<ObjectPut, "ifAbsent">,
): BodyReader<"put" | "taken"> | null {
  if (head.status === 201) return ignoring("put");
  return ifAbsent && isTaken(head) ? ignoring("taken") : null;
}

/** Returns true when the store did nothing because the blob exists. */
export function isTaken(head: AnswerHead): boolean {
  return ["BlobAlreadyExists", "ConditionNotMet"].includes(codeIn(head));
}

/**
 * Returns the ids of an upload's blocks, all of one length. Concurrent uploads of one blob share a list of
 * pending blocks. Equal ids would mix their bytes.
 */
export function blockIds(upload: Uint8Array): (index: number) => string {
  return (index) => {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(index);
    return Buffer.concat([upload, number]).toString("base64");
  };
}

/** Returns the body that commits blocks. With `Latest`, a repeated request makes the same blob again. */
export function blockListOf(ids: readonly string[]): Buffer {
  const blocks = ids.map((id) => `<Latest>${id}</Latest>`).join("");
  return Buffer.from(`<?xml version="1.0" encoding="utf-8"?><BlockList>${blocks}</BlockList>`, "utf8");
}
