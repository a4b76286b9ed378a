import { createHash } from "node:crypto";
import { failed } from "../../shared/http/failures.ts";
import type { Answer, AnswerHead, BodyReader } from "../../shared/http/messages.ts";
import { collected } from "../object-store/bodies.ts";
import { problemOf } from "../object-store/problem.ts";
import { XmlReader, xmlText } from "../object-store/xml.ts";
import { judgedByProblem } from "./errors.ts";

/** Uploaded part, as in the list that completes an upload. */
export interface SentPart {
  readonly etag: string;
  /** Hash of its bytes, in base64. Null: the store does not report it. */
  readonly sha256: string | null;
}

/** S3's limit for one object. */
const MOST_PARTS = 10_000;

/** Returns the size of all parts but the last, within the limit of parts. */
export function partBytesOf(bytes: number, usual: number): number {
  return Math.max(usual, Math.ceil(bytes / MOST_PARTS));
}

/** Returns the body that completes an upload. */
export function partListOf(parts: readonly SentPart[]): Buffer {
  const all = parts.map(({ etag, sha256 }, index) => {
    const checksum = sha256 === null ? "" : `<ChecksumSHA256>${xmlText(sha256)}</ChecksumSHA256>`;
    return `<Part><PartNumber>${index + 1}</PartNumber><ETag>${xmlText(etag)}</ETag>${checksum}</Part>`;
  });
  return Buffer.from(`<CompleteMultipartUpload>${all.join("")}</CompleteMultipartUpload>`, "utf8");
}

/** Returns the checksum of the parts' checksums. Null: one of them is unknown. */
export function checksumOf(parts: readonly SentPart[]): string | null {
  const hash = createHash("sha256");
  for (const { sha256 } of parts) {
    if (sha256 === null) return null;
    hash.update(Buffer.from(sha256, "base64"));
  }
  return `${hash.digest("base64")}-${parts.length}`;
}

/** Reads the id of an upload. */
export function uploadReader(path: string, head: AnswerHead): BodyReader<string> {
  return collected(head, (answer) => {
    const id = textsOf(path, answer).get("UploadId");
    if (id === undefined)
      throw failed("STORE_FAILED", path, "is uploaded in parts, and the store returned no upload id");
    return id;
  });
}

/** Reads a copied part. A copy may fail after its 200 was sent. */
export function copiedPartReader(path: string, head: AnswerHead): BodyReader<SentPart> {
  return collected(head, (answer) => {
    const texts = textsOf(path, answer);
    const etag = texts.get("ETag");
    if (etag === undefined)
      throw failed("STORE_FAILED", path, "was copied in parts, and one part has no etag");
    const sha256 = texts.get("ChecksumSHA256") ?? null;
    // Some stores report the checksum of the whole source object here.
    return { etag, sha256: sha256?.includes("-") === true ? null : sha256 };
  });
}

/** Reads the checksum of a completed object. Completion may fail after its 200 was sent. */
export function completedReader(path: string, head: AnswerHead): BodyReader<string | null> {
  return collected(head, (answer) => textsOf(path, answer).get("ChecksumSHA256") ?? null);
}

/** Returns the texts in a response's root element, by name. */
function textsOf(path: string, answer: Answer): ReadonlyMap<string, string> {
  const problem = problemOf(answer);
  if (problem.code !== "") throw judgedByProblem(path, answer, problem);
  const texts = new Map<string, string>();
  const reader = new XmlReader(([, name = "", inner], text) => {
    if (inner === undefined) texts.set(name, text);
  });
  try {
    reader.take(answer.body);
    reader.end();
  } catch (cause) {
    throw failed("STORE_FAILED", path, "is uploaded in parts, and a response of the store is invalid", {
      cause,
    });
  }
  return texts;
}
