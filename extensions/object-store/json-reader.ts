import type * as z from "zod";
import { failed } from "../../shared/http/failures.ts";
import type { BodyReader } from "../../shared/http/messages.ts";

/** A page of a thousand names, each of a kilobyte that is all escapes, is a fifth of it. */
const MOST_BYTES = 32 << 20;

/**
 * The body of an answer as JSON of a shape, and what follows from it.
 *
 * @throws {STORE_FAILED} when it is none; what `result` throws
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

/** What it is is not shown: it may be a token. */
function broken(path: string): Error {
  return failed("STORE_FAILED", path, "has an answer of another shape than its store gives");
}
