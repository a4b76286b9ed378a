import { ShardmillError } from "../core/errors.ts";
import { isBucketName, type Location, type Scheme, schemeOf } from "../domain/location.ts";

/** An object of a bucket, or what all keys below a folder begin with. */
export interface ObjectPlace {
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  /** What errors call it. */
  readonly path: string;
}

const EXPECTED: Partial<Readonly<Record<Scheme, string>>> = {
  abfss: "CONTAINER@ACCOUNT.dfs.core.windows.net",
};

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
  if (!isBucketName(bucket, scheme))
    throw new ShardmillError("STORE_REFUSED", `no bucket is called ${JSON.stringify(bucket)}`, {
      fields: {
        path: location,
        found: bucket,
        expected: EXPECTED[scheme] ?? "letters, digits, and between them `.`, `_` and `-`",
      },
      hint: `write ${scheme}://${EXPECTED[scheme] ?? "BUCKET"}/KEY`,
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
