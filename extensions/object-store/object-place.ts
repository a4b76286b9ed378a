import { ShardmillError } from "../../shared/core/errors.ts";
import { type Location, schemeOf } from "../../shared/domain/location.ts";
import { exampleAddress, isBucketName, STORE_SCHEMES } from "../../shared/domain/store-schemes.ts";

/** Object of a bucket, or the prefix of the keys below a folder. */
export interface ObjectPlace {
  readonly bucket: string;
  /** Key of the object. Empty: the bucket itself. */
  readonly key: string;
  /** Name in errors. */
  readonly path: string;
}

/**
 * Parses `s3://bucket/key`, or a location of another scheme. The key is taken literally, because any text can
 * be one.
 *
 * @throws {STORE_REFUSED} when the bucket name is invalid. Rows name locations, and a row must not direct a
 * signed request to another host.
 */
export function placeOf(location: Location): ObjectPlace {
  const [, bucket = "", key = ""] = /^[a-z0-9]+:\/\/([^/]+)\/?(.*)$/is.exec(location) ?? [];
  if (bucket === "") throw new Error(`broken invariant: ${location} is in no bucket`);
  const scheme = schemeOf(location);
  const facts = STORE_SCHEMES.get(scheme);
  if (!isBucketName(bucket, scheme))
    throw new ShardmillError("STORE_REFUSED", `invalid bucket name: ${JSON.stringify(bucket)}`, {
      fields: {
        path: location,
        found: bucket,
        expected: facts?.bucketForm ? facts.bucket : "letters, digits, and between them `.`, `_` and `-`",
      },
      hint: `write ${exampleAddress(scheme, "KEY")}`,
    });
  return { bucket, key, path: location };
}

/** Returns the prefix of all keys below a folder. It is empty for the bucket itself. */
export function prefixOf({ key }: Pick<ObjectPlace, "key">): string {
  return key === "" || key.endsWith("/") ? key : `${key}/`;
}

/**
 * Returns true when a name can be part of a key in a URL. An empty one is lost if keys are folders, and URLs
 * drop `.` and `..`.
 */
export function canBeNamed(name: string): boolean {
  return name !== "" && name !== "." && name !== "..";
}

/** @throws {STORE_REFUSED} when no URL can express the key */
export function named(place: ObjectPlace): ObjectPlace {
  if (place.key.split("/").every(canBeNamed)) return place;
  throw unsayable(place.path, place.key);
}

/**
 * Returns the URL with this encoded path.
 *
 * @throws {STORE_REFUSED} when the URL would differ: a part of dots removes the previous part
 */
export function withPath(
  address: URL,
  { path, key }: Pick<ObjectPlace, "path" | "key">,
  pathname: string,
): URL {
  const url = new URL(address);
  url.pathname = pathname;
  if (url.pathname !== pathname) throw unsayable(path, key);
  return url;
}

function unsayable(path: string, key: string): ShardmillError {
  const shown = path.endsWith(key) ? path : `${path} (the key ${JSON.stringify(key)})`;
  return new ShardmillError("STORE_REFUSED", `${shown} has a part that is empty or consists of dots`, {
    fields: { path, key },
    hint: "rename the object: not every store keeps such a name",
  });
}

/** Encodes a text as signatures require in paths and queries: all but letters, digits and `-._~`. */
export function uriEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function encodedKey(key: string): string {
  return key.split("/").map(uriEncoded).join("/");
}
