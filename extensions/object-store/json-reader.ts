import type * as z from "zod";
import { failed } from "../../shared/http/failures.ts";
import type { BodyReader } from "../../shared/http/messages.ts";

/** Limit of a body. A page of a thousand names of a kilobyte, all escaped, is a fifth of it. */
const MOST_BYTES = 32 << 20;

/**
 * Returns a reader that parses a JSON body by a schema and passes it to `result`.
 *
 * @throws {STORE_FAILED} when the body is invalid
 * @throws the errors of `result`
 */
export function jsonReader<S, T>(path: string, schema: z.ZodType<S>, result: (value: S) => T): BodyReader<T> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    take(chunk) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw broken(path);
      chunks.push(Uint8Array.from(chunk));
      return "more";
    },
    end: () => result(parsed(path, Buffer.concat(chunks), schema)),
  };
}

function parsed<S>(path: string, body: Buffer, schema: z.ZodType<S>): S {
  try {
    return schema.parse(JSON.parse(body.toString("utf8")));
  } catch {
    throw broken(path);
  }
}

/** Returns the error for an invalid body, without the body, which may be a token. */
function broken(path: string): Error {
  return failed("STORE_FAILED", path, "has a response of an unexpected form");
}
