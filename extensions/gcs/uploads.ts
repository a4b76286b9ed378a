import { randomUUID } from "node:crypto";
import { isShardmillError } from "../../shared/core/errors.ts";
import { failed, PassingFailure } from "../../shared/http/failures.ts";
import type { AnswerHead, BodyReader, HttpRequest } from "../../shared/http/messages.ts";
import { hopOf } from "../../shared/http/redirects.ts";
import { bodyOf, ignoring, md5InBase64 } from "../object-store/bodies.ts";
import type { ObjectPut } from "../object-store/object-client.ts";
import type { ObjectPlace } from "../object-store/object-place.ts";
import type { Piece } from "../object-store/pieces.ts";
import { MD5_KEY, putReader, SHA256_KEY } from "./answers.ts";

type Body = NonNullable<HttpRequest["body"]>;

/** Limit of upload sessions. The store rarely forgets one. */
const MOST_SESSIONS = 3;

/** Returns the metadata of a put. The store refuses bytes that do not match the MD5. */
export function metadataOf({ key }: Pick<ObjectPlace, "key">, put: ObjectPut): Buffer {
  const md5Hash = md5InBase64(put);
  const said = { name: key, md5Hash, metadata: { [SHA256_KEY]: put.sha256, [MD5_KEY]: md5Hash } };
  return Buffer.from(JSON.stringify(said), "utf8");
}

/** Returns the condition that an object must not exist. */
export function absenceOf({ ifAbsent }: Pick<ObjectPut, "ifAbsent">): Readonly<Record<string, string>> {
  return ifAbsent ? { ifGenerationMatch: "0" } : {};
}

/** Builds a multipart body of an object's metadata and its bytes. */
export function multipartBody(
  metadata: Buffer,
  body: Body,
): { readonly contentType: string; readonly body: Body } {
  const boundary = randomUUID();
  const head = Buffer.concat([
    Buffer.from(`--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n`),
    metadata,
    Buffer.from(`\r\n--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`),
  ]);
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/related; boundary=${boundary}`,
    body: {
      bytes: head.length + body.bytes + tail.length,
      async *chunks() {
        yield head;
        yield* body.chunks();
        yield tail;
      },
    },
  };
}

/** Reads the final response to a put. Null: an unexpected response. */
export function outcomeOf(
  { path }: Pick<ObjectPlace, "path">,
  put: Pick<ObjectPut, "ifAbsent" | "md5">,
  head: AnswerHead,
): BodyReader<"put" | "taken"> | null {
  const isPut = head.status === 200 || head.status === 201;
  return isPut ? putReader(path, md5InBase64(put)) : takenBy(head, put);
}

/**
 * Reads the response to the start of a resumable upload: the session URL.
 *
 * @param asked URL of the request. The session may not be less secure than it.
 */
export function begunBy(
  { path }: Pick<ObjectPlace, "path">,
  put: Pick<ObjectPut, "ifAbsent">,
  head: AnswerHead & { readonly requested: URL },
): BodyReader<URL | "taken"> | null {
  if (head.status !== 200) return takenBy(head, put);
  const hop = hopOf(head.requested, 307, head.headers.location);
  if (hop.kind === "here")
    throw failed("STORE_FAILED", path, "is uploaded in pieces, and the store returned no address for them");
  if (hop.kind === "refused") throw failed("STORE_REFUSED", path, `is uploaded in pieces, and ${hop.why}`);
  return ignoring(hop.url);
}

/** Reads a refusal because the object exists. Null: an unexpected response. */
export function takenBy(
  { status }: AnswerHead,
  { ifAbsent }: Pick<ObjectPut, "ifAbsent">,
): BodyReader<"taken"> | null {
  return status === 412 && ifAbsent ? ignoring("taken") : null;
}

/** Calls to the store for one upload. */
interface UploadCalls {
  /** @returns the session URL, which authorizes anyone who has it */
  begin(): Promise<URL | "taken">;
  /** @returns how many first bytes the store has, or the outcome of the whole upload */
  send(session: URL, piece: Piece): Promise<number | "put" | "taken">;
}

/**
 * Sends an object in pieces, each of which can be repeated after a broken connection.
 *
 * @param pieces returns the object's pieces from its first byte, for each session
 * @throws {STORE_FAILED} when the store repeatedly forgets the session
 * @throws the errors of the calls
 */
export async function uploadInPieces(
  path: string,
  pieces: () => AsyncIterable<Piece>,
  calls: UploadCalls,
): Promise<"put" | "taken"> {
  for (let sessions = 1; ; sessions += 1) {
    const session = await calls.begin();
    if (session === "taken") return "taken";
    try {
      for await (const piece of pieces()) {
        const outcome = await sendPiece(session, piece, calls);
        if (outcome !== null) return outcome;
      }
      throw failed("STORE_FAILED", path, "was sent completely, but not stored");
    } catch (error) {
      // The object may be complete, with its last response lost. A new session detects that.
      if (!isShardmillError(error, "STORE_NOT_FOUND") || sessions === MOST_SESSIONS) throw error;
    }
  }
}

/** Sends a piece. The store may keep only a part of it, so the rest is sent again. */
async function sendPiece(
  session: URL,
  { start, bytes }: Piece,
  calls: UploadCalls,
): Promise<"put" | "taken" | null> {
  const end = start + bytes.length;
  for (let at = start; at < end; ) {
    const outcome = await calls.send(session, { start: at, bytes: bytes.subarray(at - start) });
    if (typeof outcome !== "number") return outcome;
    at = outcome;
  }
  return null;
}

/** Builds the request of a piece. `totalBytes` is the size of the object. */
export function pieceRequest(session: URL, { start, bytes }: Piece, totalBytes: number): HttpRequest {
  return {
    method: "PUT",
    url: session,
    headers: { "content-range": `bytes ${start}-${start + bytes.length - 1}/${totalBytes}` },
    body: bodyOf(bytes),
  };
}

/** Reads a 308 response: the number of bytes that the store has. */
export function persistedReader({ headers }: AnswerHead, { start, bytes }: Piece): BodyReader<number> {
  const last = /^bytes=0-(\d+)$/.exec(headers.range ?? "")?.[1];
  const at = last === undefined ? 0 : Number(last) + 1;
  if (at <= start || at > start + bytes.length) throw new PassingFailure("stores none of the sent bytes");
  return ignoring(at);
}
