import { createHash } from "node:crypto";
import { sha256 } from "../../shared/core/digest.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import type { Answer, AnswerHead, BodyReader } from "../../shared/http/messages.ts";
import { bodyOf, collected, ignoring } from "./bodies.ts";
import type { ObjectPut } from "./object-client.ts";

/** Returns a put whose digests do not match its bytes. A store that verifies digests must refuse it. */
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
 * Reads the response to such a put: true when the digest was refused. Null: unknown, for the caller to judge.
 *
 * @param isOfDigest detects a refused digest in a response
 * @param judge returns the error of another response
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
    // A store that does not know the digest header verifies nothing.
    if (isShardmillError(error, "STORE_FAILED")) return false;
    throw error;
  });
}
