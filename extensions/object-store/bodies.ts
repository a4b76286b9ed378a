import { present } from "../../shared/core/assert.ts";
import type { Answer, AnswerHead, BodyReader, HttpRequest } from "../../shared/http/messages.ts";
import type { ObjectPut } from "./object-client.ts";

/** For an answer that says all by its status. */
export function ignoring<T>(value: T): BodyReader<T> {
  return { take: () => "more", end: () => value };
}

/** Of an answer that says why: a longer one is none. */
const MOST_BYTES = 64 << 10;

/** What follows from an answer whose body says it. */
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

/** What is sent of bytes that are in memory. */
export function bodyOf(bytes: Uint8Array): NonNullable<HttpRequest["body"]> {
  return {
    bytes: bytes.length,
    async *chunks() {
      yield bytes;
    },
  };
}

/** As the stores that want it have it. */
export function md5InBase64({ md5 }: Pick<ObjectPut, "md5">): string {
  return Buffer.from(present(md5, "a client that wants an md5 gets it"), "hex").toString("base64");
}
