import { asDigest } from "../../shared/core/digest.ts";
import { failed } from "../../shared/http/failures.ts";
import type { Answer, AnswerHead, BodyReader } from "../../shared/http/messages.ts";
import { versionOf } from "../../shared/http/read-range.ts";
import { collected, ignoring } from "../object-store/bodies.ts";
import type { ObjectHead } from "../object-store/object-client.ts";
import { problemOf } from "../object-store/problem.ts";
import { judgedByProblem } from "./errors.ts";

/** Where the sha256 of an object in parts is kept, of which the store knows only those of its parts. */
export const SHA256_META = "x-amz-meta-shardmill-sha256";

export interface S3Head extends ObjectHead {
  /** Of an object in parts: that of the checksums of its parts. */
  readonly checksum: string | null;
}

/** What an answer to HEAD says of an object; null for another. */
export function headReader(path: string, head: AnswerHead): BodyReader<S3Head> | null {
  if (head.status !== 200) return null;
  const { "content-length": length, "x-amz-checksum-sha256": told } = head.headers;
  // Its etag; of a file that a gateway found on its disk, which has none, its time of change.
  const version = versionOf(head, null);
  if (version === null || length === undefined)
    throw failed("STORE_FAILED", path, "has no version or no size: its store does not speak S3");
  const bytes = Number(length);
  if (typeof told !== "string") return ignoring({ bytes, version, sha256: null, checksum: null });
  // Of an object that came in parts it is one of their checksums, and ends in their number.
  if (!told.includes("-"))
    return ignoring({
      bytes,
      version,
      sha256: asDigest(Buffer.from(told, "base64").toString("hex")),
      checksum: null,
    });
  const kept = head.headers[SHA256_META];
  return ignoring({
    bytes,
    version,
    sha256: typeof kept === "string" ? asDigest(kept) : null,
    checksum: told,
  });
}

/** What stores call bytes that are not those of a digest. */
const OTHER_BYTES = [
  "BadDigest",
  "InvalidDigest",
  "XAmzContentChecksumMismatch",
  "XAmzContentSHA256Mismatch",
];

export function isOfDigest(answer: Answer): boolean {
  return OTHER_BYTES.includes(problemOf(answer).code);
}

/** A copy takes its time, and may fail when its 200 is long under way. */
export function errorInside(path: string, head: AnswerHead): BodyReader<void> {
  return collected(head, (answer) => {
    const problem = problemOf(answer);
    if (problem.code !== "") throw judgedByProblem(path, answer, problem);
  });
}
