import { present } from "../core/assert.ts";
import type { BodyReader, HttpRequest } from "../http/messages.ts";
import type { ObjectPut } from "./object-client.ts";

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

/** As the stores that want it have it. */
export function md5InBase64({ md5 }: Pick<ObjectPut, "md5">): string {
  return Buffer.from(present(md5, "a client that wants an md5 gets it"), "hex").toString("base64");
}
