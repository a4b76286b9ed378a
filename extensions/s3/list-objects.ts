import { ownText } from "../../shared/core/own-text.ts";
import { failed } from "../../shared/http/failures.ts";
import type { BodyReader } from "../../shared/http/messages.ts";
import type { ListedObject, ObjectPage } from "../object-store/object-client.ts";
import { timeOf } from "../object-store/time-of.ts";
import { XmlReader, xmlBody } from "../object-store/xml.ts";

/**
 * Reads a ListBucketResult as it arrives. Keys may have characters that XML lacks, so encoded keys are
 * requested. They are decoded if the response says that they are encoded.
 *
 * @param from token that this page was requested with
 * @throws {STORE_FAILED} when the response is not a list, or lacks the token of the next page. A page that is
 * mistaken for the last one would hide objects.
 */
export function objectPageReader(path: string, from: string | null = null): BodyReader<ObjectPage> {
  const objects: ListedObject[] = [];
  const prefixes: string[] = [];
  let next: string | null = null;
  let isList = false;
  let isEncoded = false;
  let isTruncated = false;
  let fields: Record<string, string> = {};
  const reader = new XmlReader(
    ([root, outer = "", inner = ""], text) => {
      isList ||= root === "ListBucketResult";
      if (outer === "NextContinuationToken") next = text;
      else if (outer === "IsTruncated") isTruncated = text.trim() === "true";
      else if (outer === "EncodingType") isEncoded = text === "url";
      else if (outer === "CommonPrefixes" && inner === "Prefix") prefixes.push(text);
      else if (outer === "Contents") fields[inner] = text;
    },
    (ended) => {
      if (ended.length !== 2 || ended[1] !== "Contents") return;
      const { Key = "", Size = "", ETag = "", LastModified } = fields;
      // Without an etag, HEAD and the listing give different versions.
      const version = ETag === "" ? null : ownText(ETag);
      objects.push({ key: Key, bytes: Number(Size), version, modified: timeOf(LastModified) });
      fields = {};
    },
  );
  const broken = (cause: unknown) =>
    failed("STORE_FAILED", path, "cannot be listed: the response is not a list of objects", { cause });
  return xmlBody(
    reader,
    () => {
      if (!isList) throw broken(null);
      if (isTruncated && next === null)
        throw failed("STORE_FAILED", path, "was listed in part, and the store returned no token to continue");
      if (next !== null && next === from)
        throw failed("STORE_FAILED", path, "cannot be listed: a page of the list refers to itself");
      if (!isEncoded) return { objects, prefixes, next };
      const named = objects.map(({ key, bytes, version, modified }) => ({
        key: decodedKey(key),
        bytes,
        version,
        modified,
      }));
      return { objects: named, prefixes: prefixes.map(decodedKey), next };
    },
    broken,
  );
}

/** Decodes a key in form encoding, where a plus is a blank. */
export function decodedKey(text: string): string {
  return /[%+]/.test(text) ? decodeURIComponent(text.replaceAll("+", " ")) : text;
}
