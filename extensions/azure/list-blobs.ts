import { ownText } from "../../shared/core/own-text.ts";
import { failed } from "../../shared/http/failures.ts";
import type { BodyReader } from "../../shared/http/messages.ts";
import type { ListedObject, ObjectPage } from "../object-store/object-client.ts";
import { timeOf } from "../object-store/time-of.ts";
import { XmlReader, xmlBody } from "../object-store/xml.ts";

/**
 * Reads a List Blobs response as it arrives. Names with characters that XML lacks have an `Encoded` mark.
 * Directories, which accounts with a hierarchical namespace list as blobs, are skipped.
 *
 * @param from marker that this page was requested with
 * @throws {STORE_FAILED} when the response is not a list, or its next page is itself
 */
export function blobPageReader(path: string, from: string | null): BodyReader<ObjectPage> {
  const objects: ListedObject[] = [];
  const prefixes: string[] = [];
  let next = "";
  let isList = false;
  let name = "";
  let fields: Record<string, string> = {};
  const reader = new XmlReader(
    ([root, outer = "", kind = "", inner = "", property = ""], text, attributes) => {
      isList ||= root === "EnumerationResults";
      if (outer === "NextMarker") next = text;
      else if (outer === "Blobs" && inner === "Name")
        name = attributes.Encoded === "true" ? decodeURIComponent(text) : text;
      else if (outer === "Blobs" && kind === "Blob" && inner === "Properties") fields[property] = text;
    },
    (ended) => {
      const [root, outer, kind] = ended;
      isList ||= root === "EnumerationResults";
      if (ended.length !== 3 || outer !== "Blobs") return;
      const { "Content-Length": bytes = "", Etag: tag = "", ResourceType: type } = fields;
      const modified = timeOf(fields["Last-Modified"]);
      if (kind === "BlobPrefix") prefixes.push(name);
      else if (type !== "directory")
        objects.push({ key: name, bytes: Number(bytes), version: versionOf(tag), modified });
      fields = {};
      name = "";
    },
  );
  const broken = (cause: unknown) =>
    failed("STORE_FAILED", path, "cannot be listed: the response is not a list of blobs", { cause });
  return xmlBody(
    reader,
    () => {
      if (!isList) throw broken(null);
      if (next !== "" && next === from)
        throw failed("STORE_FAILED", path, "cannot be listed: a page of the list refers to itself");
      return { objects, prefixes, next: next === "" ? null : next };
    },
    broken,
  );
}

/** Returns the etag in the quoted form of headers, which versions are compared in. */
function quoted(tag: string): string | null {
  if (tag === "") return null;
  return tag.startsWith('"') ? tag : `"${tag}"`;
}

function versionOf(tag: string): string | null {
  const version = quoted(tag);
  return version === null ? null : ownText(version);
}
