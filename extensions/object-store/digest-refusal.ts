import { createHash } from "node:crypto";
import { sha256 } from "../../shared/core/digest.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import type { Answer, AnswerHead, BodyReader } from "../../shared/http/messages.ts";
import { bodyOf, collected, ignoring } from "./bodies.ts";
import type { ObjectPut } from "./object-client.ts";

/** What no store that makes sure of digests takes: bytes, and the digests of others. */
export function otherBytes(): ObjectPut {
  const body = bodyOf(Buffer.from("other bytes than these"));
  return {
    body,
    sha256: sha256("these"),
    md5: createHash("md5").update("these").digest("hex"),
    ifAbsent: false,
  };
}

/**
 * Whether it was for their digest that bytes were not taken, as an answer says; null for what only the
 * caller can judge.
 *
 * @param isOfDigest whether an answer says that
 * @param judge what else follows from it
 */
export function digestRefusal(
  head: AnswerHead,
  isOfDigest: (answer: Answer) => boolean,
  judge: (answer: Answer) => Error,
): BodyReader<boolean> | null {
  if (head.status === 200 || head.status === 201) return ignoring(false);
  if (head.status !== 400) return null;
  return collected(head, (answer) => {
    if (isOfDigest(answer)) return true;
    const error = judge(answer);
    // A store that does not take the digest as such makes sure of nothing.
    if (isShardmillError(error, "STORE_FAILED")) return false;
    throw error;
  });
}
