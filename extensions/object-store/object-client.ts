import type { Digest } from "../../shared/core/digest.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { settled } from "../../shared/core/settled.ts";
import { failed } from "../../shared/http/failures.ts";
import type { HttpRequest } from "../../shared/http/messages.ts";
import type { RangeRead } from "../../shared/http/read-range.ts";
import type { ObjectPlace } from "./object-place.ts";

/** An object as a listing tells of it. */
export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  /** The one that `head` tells; null where a listing has it not. */
  readonly version: string | null;
}

/** One page of a listing, up to some thousand names. */
export interface ObjectPage {
  readonly objects: readonly ListedObject[];
  /** What several keys begin with, up to the delimiter and with it. */
  readonly prefixes: readonly string[];
  /** With what the next page is asked for; null: this is the last one. */
  readonly next: string | null;
}

export interface ListWanted {
  readonly prefix: string;
  /** Left out: no key is cut. */
  readonly delimiter?: "/";
  readonly from?: string | null;
  readonly most?: number;
}

/** An object as its store tells of it without reading it. */
export interface ObjectHead {
  readonly bytes: number;
  readonly version: string;
  /** In hex, of its bytes; null where the store does not have it. */
  readonly sha256: Digest | null;
}

export interface ObjectPut {
  readonly body: NonNullable<HttpRequest["body"]>;
  /** Of the body, in hex. */
  readonly sha256: Digest;
  /** Null unless the client `wantsMd5`. */
  readonly md5: string | null;
  readonly ifAbsent: boolean;
}

/** A store of objects, in whatever words it is spoken to: what the storage on it asks for. */
export interface ObjectClient extends Disposable {
  /** Of one put, and of one copy. */
  readonly mostBytes: number;
  /** Its store makes sure of what is put by md5: so each source is read for that. */
  readonly wantsMd5: boolean;

  /**
   * In which store a bucket is, as an address without secrets: where two stores have a bucket of one name, it
   * differs. Whoever asks, by whatever region, it is the same.
   */
  storeOf(place: ObjectPlace): string;

  /** Bytes `[start, end)` of an object, all of the version that is expected. */
  readRange(
    place: ObjectPlace,
    range: { readonly start: number; readonly end: number; readonly version?: string },
    signal: AbortSignal,
  ): Promise<RangeRead>;

  head(place: ObjectPlace, signal: AbortSignal): Promise<ObjectHead>;

  /** A page of the keys of a bucket that begin with a prefix, in the order of their bytes. */
  list(place: ObjectPlace, wanted: ListWanted, signal: AbortSignal): Promise<ObjectPage>;

  /**
   * Puts an object whole: the store refuses bytes that are not those of the digests.
   *
   * @returns `taken`: something is there already, and `ifAbsent` was asked for
   */
  put(place: ObjectPlace, put: ObjectPut, signal: AbortSignal): Promise<"put" | "taken">;

  /**
   * Whether the store makes sure of bytes by the digest that comes with them, and so of the sha256 that
   * `head` tells: it is given another. Left out: it does not.
   */
  refusesOtherBytes?(place: ObjectPlace, signal: AbortSignal): Promise<boolean>;

  /**
   * Within the store. What is there stays with `ifAbsent`, where the store is able to leave it: `taken`. Else
   * it is replaced.
   */
  copy(
    from: ObjectPlace,
    to: ObjectPlace,
    options: Pick<ObjectPut, "ifAbsent">,
    signal: AbortSignal,
  ): Promise<"put" | "taken">;

  /** One that is not there is removed. */
  remove(place: ObjectPlace, signal: AbortSignal): Promise<void>;

  /**
   * Gives up what was begun to be put below a place, in parts, and never ended: parts are kept, and in no
   * listing. Left out: the store keeps none that its users could give up.
   */
  removeUploads?(place: ObjectPlace, signal: AbortSignal): Promise<void>;

  /** Keys of the bucket of a place, up to a thousand. Left out: they are removed one by one. */
  removeMany?(place: ObjectPlace, keys: readonly string[], signal: AbortSignal): Promise<void>;
}

/** Finds a listing that does not end, since its pages repeat. One key a page is remembered. */
export class ListingWatch {
  readonly #path: string;
  readonly #firstKeys = new Set<string>();

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws {STORE_FAILED} when a page begins as one before it did */
  passed({ objects, prefixes }: ObjectPage): void {
    const first = objects[0]?.key ?? prefixes[0];
    if (first === undefined) return;
    if (this.#firstKeys.has(first))
      throw failed("STORE_FAILED", this.#path, `is listed in a circle: a second page begins with ${first}`);
    this.#firstKeys.add(first);
  }
}

/**
 * Puts an object, or finds that its name is taken. A store that refuses an object before it has read it
 * closes the connection, and its answer may be lost at each try. Then the object that is there is the answer.
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
