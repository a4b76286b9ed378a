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

/** How often an upload is begun: that one is forgotten under way is rare. */
const MOST_SESSIONS = 3;

/** What is said of an object with its bytes: the store refuses others than those of the md5. */
export function metadataOf({ key }: Pick<ObjectPlace, "key">, put: ObjectPut): Buffer {
  const md5Hash = md5InBase64(put);
  const said = { name: key, md5Hash, metadata: { [SHA256_KEY]: put.sha256, [MD5_KEY]: md5Hash } };
  return Buffer.from(JSON.stringify(said), "utf8");
}

/** With what a put says that nothing may be there. */
export function absenceOf({ ifAbsent }: Pick<ObjectPut, "ifAbsent">): Readonly<Record<string, string>> {
  return ifAbsent ? { ifGenerationMatch: "0" } : {};
}

/** An object and what is said of it, as one body. */
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

/** What an answer to a put says that came to its end; null for another. */
export function outcomeOf(
  { path }: Pick<ObjectPlace, "path">,
  put: Pick<ObjectPut, "ifAbsent" | "md5">,
  head: AnswerHead,
): BodyReader<"put" | "taken"> | null {
  const isPut = head.status === 200 || head.status === 201;
  return isPut ? putReader(path, md5InBase64(put)) : takenBy(head, put);
}

/**
 * What an answer to the beginning of an upload in pieces says: where they are sent to.
 *
 * @param asked where that was asked for: pieces go by no line that is less safe
 */
export function begunBy(
  { path }: Pick<ObjectPlace, "path">,
  put: Pick<ObjectPut, "ifAbsent">,
  head: AnswerHead & { readonly asked: URL },
): BodyReader<URL | "taken"> | null {
  if (head.status !== 200) return takenBy(head, put);
  const hop = hopOf(head.asked, 307, head.headers.location);
  if (hop.kind === "here")
    throw failed("STORE_FAILED", path, "is taken in pieces, and its store does not say where to");
  if (hop.kind === "refused") throw failed("STORE_REFUSED", path, `is taken in pieces, and ${hop.why}`);
  return ignoring(hop.url);
}

/** What an answer says that did nothing because something is there; null for another. */
export function takenBy(
  { status }: AnswerHead,
  { ifAbsent }: Pick<ObjectPut, "ifAbsent">,
): BodyReader<"taken"> | null {
  return status === 412 && ifAbsent ? ignoring("taken") : null;
}

/** What is asked of the store for one upload. */
interface UploadCalls {
  /** @returns where the pieces are sent to: whoever knows it may send them */
  begin(): Promise<URL | "taken">;
  /** @returns how many bytes from the first on the store has; or what came of all of them */
  send(session: URL, piece: Piece): Promise<number | "put" | "taken">;
}

/**
 * Sends an object in pieces: the line may break at any of them.
 *
 * @param pieces of the object, from its first byte on, each time that it is begun
 * @throws {STORE_FAILED} when the store forgets again and again what it had; what the calls throw
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
      throw failed("STORE_FAILED", path, "has come whole, and is not put");
    } catch (error) {
      // Of one whose last answer was lost it may be that all is there: beginning again finds that out.
      if (!isShardmillError(error, "STORE_NOT_FOUND") || sessions === MOST_SESSIONS) throw error;
    }
  }
}

/** The store may take less of it than was sent. */
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

/** How a piece is sent, of an object of so many bytes. */
export function pieceRequest(session: URL, { start, bytes }: Piece, totalBytes: number): HttpRequest {
  return {
    method: "PUT",
    url: session,
    headers: { "content-range": `bytes ${start}-${start + bytes.length - 1}/${totalBytes}` },
    body: bodyOf(bytes),
  };
}

/** 308: how far the store has it by now. */
export function persistedReader({ headers }: AnswerHead, { start, bytes }: Piece): BodyReader<number> {
  const last = /^bytes=0-(\d+)$/.exec(headers.range ?? "")?.[1];
  const at = last === undefined ? 0 : Number(last) + 1;
  if (at <= start || at > start + bytes.length) throw new PassingFailure("takes nothing of what it is sent");
  return ignoring(at);
}
