import type { BodyReader, HttpRequest } from "../http/messages.ts";

/** For an answer that says all by its status. */
export function ignoring<T>(value: T): BodyReader<T> {
  return { take: () => "more", end: () => value };
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
