import { createHash } from "node:crypto";
import type { AnswerHead, BodyReader } from "../../shared/http/messages.ts";
import { ignoring } from "../object-store/bodies.ts";
import type { ObjectPut } from "../object-store/object-client.ts";
import { codeIn } from "./errors.ts";

/** Where the sha256 of a blob's bytes is kept, among what its writer says of it. */
export const SHA256_HEADER = "x-ms-meta-shardmillsha256";

/** What is said of a blob when it is made. */
export function saidOf(put: Pick<ObjectPut, "sha256" | "ifAbsent">): Record<string, string> {
  return { [SHA256_HEADER]: put.sha256, ...absenceOf(put) };
}

/** With what a request says that nothing may be there. */
export function absenceOf({ ifAbsent }: Pick<ObjectPut, "ifAbsent">): Record<string, string> {
  return ifAbsent ? { "if-none-match": "*" } : {};
}

/** In base64. */
export function md5Of(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("base64");
}

/** What an answer says that made a blob; null for another. */
export function placedBy(
  head: AnswerHead,
  { ifAbsent }: Pick<ObjectPut, "ifAbsent">,
): BodyReader<"put" | "taken"> | null {
  if (head.status === 201) return ignoring("put");
  return ifAbsent && isTaken(head) ? ignoring("taken") : null;
}

/** Whether nothing was done because something is there. */
export function isTaken(head: AnswerHead): boolean {
  return ["BlobAlreadyExists", "ConditionNotMet"].includes(codeIn(head));
}

/**
 * The ids of an upload's blocks. Blocks that are sent for one name by several lie side by side: ids that two
 * uploads share would mix their bytes. All of a blob must be of one length.
 */
export function blockIds(upload: Uint8Array): (index: number) => string {
  return (index) => {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(index);
    return Buffer.concat([upload, number]).toString("base64");
  };
}

/** `Latest`: sent again after it was done, it makes the same blob once more. */
export function blockListOf(ids: readonly string[]): Buffer {
  const blocks = ids.map((id) => `<Latest>${id}</Latest>`).join("");
  return Buffer.from(`<?xml version="1.0" encoding="utf-8"?><BlockList>${blocks}</BlockList>`, "utf8");
}
