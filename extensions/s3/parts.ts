import { createHash } from "node:crypto";
import { failed } from "../../shared/http/failures.ts";
import type { Answer, AnswerHead, BodyReader } from "../../shared/http/messages.ts";
import { collected } from "../object-store/bodies.ts";
import { problemOf } from "../object-store/problem.ts";
import { XmlReader, xmlText } from "../object-store/xml.ts";
import { judgedByProblem } from "./errors.ts";

/** A part that the store has, as the list of all names it. */
export interface SentPart {
  readonly etag: string;
  /** In base64, of its bytes; null where the store does not tell it. */
  readonly sha256: string | null;
}

/** Of one object. */
const MOST_PARTS = 10_000;

/** Of all parts of an object but its last, so that they are no more than the store takes. */
export function partBytesOf(bytes: number, usual: number): number {
  return Math.max(usual, Math.ceil(bytes / MOST_PARTS));
}

/** What makes an object of its parts. */
export function partListOf(parts: readonly SentPart[]): Buffer {
  const all = parts.map(({ etag, sha256 }, index) => {
    const checksum = sha256 === null ? "" : `<ChecksumSHA256>${xmlText(sha256)}</ChecksumSHA256>`;
    return `<Part><PartNumber>${index + 1}</PartNumber><ETag>${xmlText(etag)}</ETag>${checksum}</Part>`;
  });
  return Buffer.from(`<CompleteMultipartUpload>${all.join("")}</CompleteMultipartUpload>`, "utf8");
}

/** The checksum of checksums that stores tell of an object in parts; null where one is not known. */
export function checksumOf(parts: readonly SentPart[]): string | null {
  const hash = createHash("sha256");
  for (const { sha256 } of parts) {
    if (sha256 === null) return null;
    hash.update(Buffer.from(sha256, "base64"));
  }
  return `${hash.digest("base64")}-${parts.length}`;
}

/** The name under which the parts of an object are collected. */
export function uploadReader(path: string, head: AnswerHead): BodyReader<string> {
  return collected(head, (answer) => {
    const id = textsOf(path, answer).get("UploadId");
    if (id === undefined)
      throw failed("STORE_FAILED", path, "is taken in parts, and its store does not say how they are called");
    return id;
  });
}

/** A part that was copied, which may fail when its 200 is long under way. */
export function copiedPartReader(path: string, head: AnswerHead): BodyReader<SentPart> {
  return collected(head, (answer) => {
    const texts = textsOf(path, answer);
    const etag = texts.get("ETag");
    if (etag === undefined) throw failed("STORE_FAILED", path, "is copied in parts, and one has no etag");
    const sha256 = texts.get("ChecksumSHA256") ?? null;
    // Some tell that of the object that the part is of.
    return { etag, sha256: sha256?.includes("-") === true ? null : sha256 };
  });
}

/** The checksum of the object that was made of parts, which may fail, too, behind a 200. */
export function completedReader(path: string, head: AnswerHead): BodyReader<string | null> {
  return collected(head, (answer) => textsOf(path, answer).get("ChecksumSHA256") ?? null);
}

/** What stands in the outermost element of an answer. */
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
    throw failed("STORE_FAILED", path, "is taken in parts with an answer that is none", { cause });
  }
  return texts;
}
