import { ownText } from "../../shared/core/own-text.ts";
import { failed } from "../../shared/http/failures.ts";
import type { BodyReader } from "../../shared/http/messages.ts";
import type { ListedObject, ObjectPage } from "../object-store/object-client.ts";
import { XmlReader, xmlBody } from "../object-store/xml.ts";

/**
 * Reads the answer to List Blobs as it comes. Names with characters that XML has not are encoded, and say so.
 * What an account with folders lists as blobs of its own is left out: those are folders.
 *
 * @param from with what this page was asked for
 * @throws {STORE_FAILED} when it is none, or leads to itself
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
      if (kind === "BlobPrefix") prefixes.push(name);
      else if (type !== "directory")
        objects.push({ key: name, bytes: Number(bytes), version: versionOf(tag) });
      fields = {};
      name = "";
    },
  );
  const broken = (cause: unknown) =>
    failed("STORE_FAILED", path, "is listed in what is no list of blobs", { cause });
  return xmlBody(
    reader,
    () => {
      if (!isList) throw broken(null);
      if (next !== "" && next === from)
        throw failed("STORE_FAILED", path, "is listed in a circle: a page leads to itself");
      return { objects, prefixes, next: next === "" ? null : next };
    },
    broken,
  );
}

/** As headers have it, which are what is compared. */
function quoted(tag: string): string | null {
  if (tag === "") return null;
  return tag.startsWith('"') ? tag : `"${tag}"`;
}

function versionOf(tag: string): string | null {
  const version = quoted(tag);
  return version === null ? null : ownText(version);
}
