import type { Digest } from "../../shared/core/digest.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { settled } from "../../shared/core/settled.ts";
import { failed } from "../../shared/http/failures.ts";
import type { HttpRequest } from "../../shared/http/messages.ts";
import type { RangeRead } from "../../shared/http/read-range.ts";
import type { ObjectPlace } from "./object-place.ts";

/** Object as a listing describes it. */
export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  /** Version as in `head`. Null: the listing has none. */
  readonly version: string | null;
  /** Time of the last change, in milliseconds since 1970. Default: unknown. */
  readonly modified?: number | undefined;
}

/** One page of a listing, up to about a thousand names. */
export interface ObjectPage {
  readonly objects: readonly ListedObject[];
  /** Common prefixes of keys, including the delimiter. */
  readonly prefixes: readonly string[];
  /** Token of the next page. Null: this is the last page. */
  readonly next: string | null;
}

export interface ListWanted {
  readonly prefix: string;
  /** Delimiter of prefixes. Default: keys are listed whole. */
  readonly delimiter?: "/";
  readonly from?: string | null;
  readonly most?: number;
}

/** Metadata of an object. */
export interface ObjectHead {
  readonly bytes: number;
  readonly version: string;
  /** Time of the last change, as in listings. */
  readonly modified?: number | undefined;
  /** Digest of its bytes, in hex. Null: the store does not have it. */
  readonly sha256: Digest | null;
}

export interface ObjectPut {
  readonly body: NonNullable<HttpRequest["body"]>;
  /** Digest of the body, in hex. */
  readonly sha256: Digest;
  /** MD5 in hex. Null unless the client `wantsMd5`. */
  readonly md5: string | null;
  readonly ifAbsent: boolean;
}

/** Client of an object store, whatever its protocol. */
export interface ObjectClient extends Disposable {
  /** Limit of one put and of one copy. */
  readonly mostBytes: number;
  /** True when the store verifies puts by MD5, so that each source is read for its digest first. */
  readonly wantsMd5: boolean;

  /**
   * Returns the address of a bucket's store, without secrets. Two stores with equally named buckets have
   * different addresses. The address is independent of the caller and the region.
   */
  storeOf(place: ObjectPlace): string;

  /** Reads bytes `[start, end)` of an object, all from the expected version. */
  readRange(
    place: ObjectPlace,
    range: { readonly start: number; readonly end: number; readonly version?: string },
    signal: AbortSignal,
  ): Promise<RangeRead>;

  head(place: ObjectPlace, signal: AbortSignal): Promise<ObjectHead>;

  /** Lists a page of a bucket's keys with a prefix, in byte order. */
  list(place: ObjectPlace, wanted: ListWanted, signal: AbortSignal): Promise<ObjectPage>;

  /**
   * Puts an object atomically. The store refuses bytes that do not match the digests.
   *
   * @returns `taken` when an object exists and `ifAbsent` is set
   */
  put(place: ObjectPlace, put: ObjectPut, signal: AbortSignal): Promise<"put" | "taken">;

  /**
   * Checks whether the store verifies the digests of puts, by a put with a wrong one. Then the SHA-256 of
   * `head` is reliable. Default: it does not.
   */
  refusesOtherBytes?(place: ObjectPlace, signal: AbortSignal): Promise<boolean>;

  /**
   * Copies within the store. With `ifAbsent`, an existing object stays if the store supports it: `taken`.
   * Otherwise it is replaced.
   */
  copy(
    from: ObjectPlace,
    to: ObjectPlace,
    options: Pick<ObjectPut, "ifAbsent">,
    signal: AbortSignal,
  ): Promise<"put" | "taken">;

  /** Removes an object. A missing object is no error. */
  remove(place: ObjectPlace, signal: AbortSignal): Promise<void>;

  /**
   * Removes incomplete multipart uploads below a place, whose parts are stored but not listed. Default: the
   * store keeps none that users could remove.
   */
  removeUploads?(place: ObjectPlace, signal: AbortSignal): Promise<void>;

  /** Removes up to a thousand keys of the place's bucket. Default: keys are removed one by one. */
  removeMany?(place: ObjectPlace, keys: readonly string[], signal: AbortSignal): Promise<void>;
}

/** Detector of a listing that never ends, because its pages repeat. It keeps one key per page. */
export class ListingWatch {
  readonly #path: string;
  readonly #firstKeys = new Set<string>();

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws {STORE_FAILED} when a page has the same first key as an earlier one */
  passed({ objects, prefixes }: ObjectPage): void {
    const first = objects[0]?.key ?? prefixes[0];
    if (first === undefined) return;
    if (this.#firstKeys.has(first))
      throw failed("STORE_FAILED", this.#path, `cannot be listed: a second page begins with ${first}`);
    this.#firstKeys.add(first);
  }
}

/**
 * Puts an object, or detects that it exists. A store that refuses an object before reading it closes the
 * connection, and the response may be lost each time. Then the existing object is the outcome.
 *
 * @throws {STORE_FAILED} and the other STORE_ codes of the store
 */
export async function putObject(
  client: ObjectClient,
  place: ObjectPlace,
  put: ObjectPut,
  signal: AbortSignal,
): ReturnType<ObjectClient["put"]> {
  try {
    return await client.put(place, put, signal);
  } catch (error) {
    if (!put.ifAbsent || !isShardmillError(error, "STORE_FAILED")) throw error;
    const there = await settled(client.head(place, signal));
    if (there.kind === "failed") throw error;
    return "taken";
  }
}
