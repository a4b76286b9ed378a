import { ShardmillError } from "../../shared/core/errors.ts";
import { type Location, schemeOf } from "../../shared/domain/location.ts";
import { exampleAddress, isBucketName, STORE_SCHEMES } from "../../shared/domain/store-schemes.ts";

/** An object of a bucket, or what all keys below a folder begin with. */
export interface ObjectPlace {
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  /** What errors call it. */
  readonly path: string;
}

/**
 * `s3://bucket/key`, or of another scheme: the key is the text as it stands, since any text can be one.
 *
 * @throws {STORE_REFUSED} when no bucket is called so: rows name locations, and what a row says must not lead
 * a signed request to another host
 */
export function placeOf(location: Location): ObjectPlace {
  const [, bucket = "", key = ""] = /^[a-z0-9]+:\/\/([^/]+)\/?(.*)$/is.exec(location) ?? [];
  if (bucket === "") throw new Error(`broken invariant: ${location} is in no bucket`);
  const scheme = schemeOf(location);
  const facts = STORE_SCHEMES.get(scheme);
  if (!isBucketName(bucket, scheme))
    throw new ShardmillError("STORE_REFUSED", `no bucket is called ${JSON.stringify(bucket)}`, {
      fields: {
        path: location,
        found: bucket,
        expected: facts?.bucketForm ? facts.bucket : "letters, digits, and between them `.`, `_` and `-`",
      },
      hint: `write ${exampleAddress(scheme, "KEY")}`,
    });
  return { bucket, key, path: location };
}

/** What the keys of all that is below a folder begin with: nothing for the bucket itself. */
export function prefixOf({ key }: Pick<ObjectPlace, "key">): string {
  return key === "" || key.endsWith("/") ? key : `${key}/`;
}

/**
 * Whether a name can be a part of a key that is asked for by an address: one that is empty is lost where keys
 * are folders, and `.` and `..` are gone before they are sent.
 */
export function canBeNamed(name: string): boolean {
  return name !== "" && name !== "." && name !== "..";
}

/** @throws {STORE_REFUSED} for a key that no address can say */
export function named(place: ObjectPlace): ObjectPlace {
  if (place.key.split("/").every(canBeNamed)) return place;
  throw unsayable(place.path, place.key);
}

/**
 * An address with this path, encoded.
 *
 * @throws {STORE_REFUSED} when that would be another one: a part that is only dots takes away the one before
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
  return new ShardmillError("STORE_REFUSED", `${shown} has a part that is empty, or only dots`, {
    fields: { path, key },
    hint: "no store is sure to keep such a name: call the object otherwise",
  });
}

/** As signatures want it in paths and queries: all but letters, digits and `-._~`. */
export function uriEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function encodedKey(key: string): string {
  return key.split("/").map(uriEncoded).join("/");
}
