import { asDigest } from "../../shared/core/digest.ts";
import { failed } from "../../shared/http/failures.ts";
import type { Answer, AnswerHead, BodyReader } from "../../shared/http/messages.ts";
import { versionOf } from "../../shared/http/read-range.ts";
import { collected, ignoring } from "../object-store/bodies.ts";
import type { ObjectHead } from "../object-store/object-client.ts";
import { problemOf } from "../object-store/problem.ts";
import { timeOf } from "../object-store/time-of.ts";
import { judgedByProblem } from "./errors.ts";

/**
 * Metadata header that keeps the SHA-256 of a multipart object. The store itself has those of the parts only.
 */
export const SHA256_META = "x-amz-meta-shardmill-sha256";

export interface S3Head extends ObjectHead {
  /** Checksum of a multipart object: the hash of its parts' checksums. Null: another object, or none. */
  readonly checksum: string | null;
}

/** Reads the response to HEAD. Null: an unexpected response. */
export function headReader(path: string, head: AnswerHead): BodyReader<S3Head> | null {
  if (head.status !== 200) return null;
  const { "content-length": length, "x-amz-checksum-sha256": storedChecksum } = head.headers;
  // The version is the etag. A gateway's file on disk has none, and gets its modification time.
  const version = versionOf(head, null);
  if (version === null || length === undefined)
    throw failed("STORE_FAILED", path, "has no version or no size: the store does not speak S3");
  const facts = { bytes: Number(length), version, modified: timeOf(head.headers["last-modified"]) };
  if (typeof storedChecksum !== "string") return ignoring({ ...facts, sha256: null, checksum: null });
  // A multipart object's checksum is computed from its parts' checksums, and ends in their number.
  if (!storedChecksum.includes("-"))
    return ignoring({
      ...facts,
      sha256: asDigest(Buffer.from(storedChecksum, "base64").toString("hex")),
      checksum: null,
    });
  const kept = head.headers[SHA256_META];
  return ignoring({
    ...facts,
    sha256: typeof kept === "string" ? asDigest(kept) : null,
    checksum: storedChecksum,
  });
}

/** Error codes for bytes that do not match their digest. */
const OTHER_BYTES = [
  "BadDigest",
  "InvalidDigest",
  "XAmzContentChecksumMismatch",
  "XAmzContentSHA256Mismatch",
];

export function isOfDigest(answer: Answer): boolean {
  return OTHER_BYTES.includes(problemOf(answer).code);
}

/** Returns a reader for a copy's response. A copy may fail after its 200 was sent. */
export function errorInside(path: string, head: AnswerHead): BodyReader<void> {
  return collected(head, (answer) => {
    const problem = problemOf(answer);
    if (problem.code !== "") throw judgedByProblem(path, answer, problem);
  });
}
