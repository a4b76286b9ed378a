import { present } from "../../shared/core/assert.ts";
import type { Answer, AnswerHead, BodyReader, HttpRequest } from "../../shared/http/messages.ts";
import type { ObjectPut } from "./object-client.ts";

/** Returns a reader for a response whose status says all. */
export function ignoring<T>(value: T): BodyReader<T> {
  return { take: () => "more", end: () => value };
}

/** Limit of an error response. Longer ones are truncated. */
const MOST_BYTES = 64 << 10;

/** Returns a reader that collects a body and passes it to `result`. */
export function collected<T>(head: AnswerHead, result: (answer: Answer) => T): BodyReader<T> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    take(chunk) {
      chunks.push(Uint8Array.from(chunk.subarray(0, MOST_BYTES - bytes)));
      bytes += chunk.length;
      return bytes < MOST_BYTES ? "more" : "enough";
    },
    end: () => result({ ...head, body: Buffer.concat(chunks) }),
  };
}

/** Returns the request body for bytes in memory. */
export function bodyOf(bytes: Uint8Array): NonNullable<HttpRequest["body"]> {
  return {
    bytes: bytes.length,
    async *chunks() {
      yield bytes;
    },
  };
}

/** Returns the MD5 in the form of `content-md5` headers. */
export function md5InBase64({ md5 }: Pick<ObjectPut, "md5">): string {
  return Buffer.from(present(md5, "a client that wants an md5 gets it"), "hex").toString("base64");
}
