import * as z from "zod";
import { asDigest, type Digest } from "../../shared/core/digest.ts";
import { failed } from "../../shared/http/failures.ts";
import type { BodyReader } from "../../shared/http/messages.ts";
import { jsonReader } from "../object-store/json-reader.ts";
import type { ObjectHead, ObjectPage } from "../object-store/object-client.ts";
import { timeOf } from "../object-store/time-of.ts";

const size = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);
/** 64-bit number as text, because it is only compared. */
const generation = z.string().regex(/^\d+$/);

const OBJECT = z.object({
  size,
  generation,
  updated: z.string().optional(),
  md5Hash: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
});

const PAGE = z.object({
  items: z
    .array(z.object({ name: z.string(), size, generation, updated: z.string().optional() }))
    .default([]),
  prefixes: z.array(z.string()).default([]),
  nextPageToken: z.string().optional(),
});

const PUT = z.object({ md5Hash: z.string() });

const REWRITE = z.object({
  done: z.boolean(),
  rewriteToken: z.string().optional(),
  totalBytesRewritten: z.coerce.string().default(""),
});

/** Metadata key that keeps the SHA-256 of an object's bytes. */
export const SHA256_KEY = "shardmill-sha256";
/**
 * Metadata key that keeps the MD5 that the store verified. The SHA-256 is valid only for bytes with this MD5.
 */
export const MD5_KEY = "shardmill-md5";
/** Requested fields of objects, pages, puts and copies. Further fields cost time. */
export const OBJECT_FIELDS = "size,generation,updated,md5Hash,metadata";
export const PAGE_FIELDS = "items(name,size,generation,updated),prefixes,nextPageToken";
export const PUT_FIELDS = "md5Hash";
export const REWRITE_FIELDS = "done,rewriteToken,totalBytesRewritten";

export function objectReader(path: string): BodyReader<ObjectHead> {
  return jsonReader(path, OBJECT, (object) => ({
    bytes: object.size,
    version: object.generation,
    modified: timeOf(object.updated),
    sha256: sha256Of(object),
  }));
}

function sha256Of({ md5Hash, metadata }: z.infer<typeof OBJECT>): Digest | null {
  if (md5Hash === undefined || metadata?.[MD5_KEY] !== md5Hash) return null;
  const kept = metadata[SHA256_KEY];
  return kept === undefined ? null : asDigest(kept);
}

/**
 * @param from token that this page was requested with
 * @throws {STORE_FAILED} when the response is not a page, or its next page is itself
 */
export function pageReader(path: string, from: string | null): BodyReader<ObjectPage> {
  return jsonReader(path, PAGE, ({ items, prefixes, nextPageToken: next = null }) => {
    if (next !== null && next === from)
      throw failed("STORE_FAILED", path, "cannot be listed: a page of the list refers to itself");
    const objects = items.map(({ name, size, generation, updated }) => ({
      key: name,
      bytes: size,
      version: generation,
      modified: timeOf(updated),
    }));
    return { objects, prefixes, next };
  });
}

/** @param md5Hash hash of the sent bytes, which an emulator may fail to keep when they come in pieces */
export function putReader(path: string, md5Hash: string): BodyReader<"put"> {
  return jsonReader(path, PUT, ({ md5Hash: kept }) => {
    if (kept !== md5Hash) throw failed("STORE_FAILED", path, "was stored with other bytes than were sent");
    return "put";
  });
}

/** Incomplete copy. */
export interface PartOfCopy {
  readonly goOnWith: string;
  /** Bytes copied over all calls, compared as text. */
  readonly copied: string;
}

/** Reads the response to a copy: done, or the token to continue with. */
export function rewriteReader(path: string): BodyReader<"put" | PartOfCopy> {
  return jsonReader(path, REWRITE, ({ done, rewriteToken, totalBytesRewritten }) => {
    if (done) return "put";
    if (rewriteToken === undefined)
      throw failed("STORE_FAILED", path, "was copied in part, and the store returned no token to continue");
    return { goOnWith: rewriteToken, copied: totalBytesRewritten };
  });
}
