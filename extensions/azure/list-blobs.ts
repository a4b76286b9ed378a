import { ownText } from "../../shared/core/own-text.ts";
import { failed } from "../../shared/http/failures.ts";
import type { BodyReader } from "../../shared/http/messages.ts";
import type { ListedObject, ObjectPage } from "../object-store/object-client.ts";
import { type XmlContent, xmlBody } from "../object-store/xml.ts";

/**
 * Reads a List Blobs response. Names with characters that XML lacks have an `Encoded` mark.
 * Directories, which accounts with a hierarchical namespace list as blobs, are skipped.
 *
 * @param from marker that this page was requested with
 * @throws {STORE_FAILED} when the response is not a list, or its next page is itself
 */
export function blobPageReader(path: string, from: string | null): BodyReader<ObjectPage> {
  const broken = (cause: unknown) =>
    failed("STORE_FAILED", path, "cannot be listed: the response is not a list of blobs", { cause });
  return xmlBody(() => new PageContent({ path, from, broken }), broken);
}

interface PageOptions {
  readonly path: string;
  readonly from: string | null;
  readonly broken: (cause: unknown) => Error;
}

class PageContent implements XmlContent<ObjectPage> {
  readonly #options: PageOptions;
  readonly #objects: ListedObject[] = [];
  readonly #prefixes: string[] = [];
  #next = "";
  #isList = false;
  #name = "";
  #bytes = "";
  #tag = "";
  #type = "";

  constructor(options: PageOptions) {
    this.#options = options;
  }

  readonly onText = (path: readonly string[], text: string, attributes: Readonly<Record<string, string>>) => {
    const [root, outer, kind, inner, property] = path;
    this.#isList ||= root === "EnumerationResults";
    if (outer === "NextMarker") this.#next = text;
    else if (outer === "Blobs" && inner === "Name")
      this.#name = attributes.Encoded === "true" ? decodeURIComponent(text) : text;
    else if (outer === "Blobs" && kind === "Blob" && inner === "Properties") this.#take(property, text);
  };

  readonly onEnd = (path: readonly string[]) => {
    const [root, outer, kind] = path;
    this.#isList ||= root === "EnumerationResults";
    if (path.length !== 3 || outer !== "Blobs") return;
    if (kind === "BlobPrefix") this.#prefixes.push(this.#name);
    else if (this.#type !== "directory")
      this.#objects.push({ key: this.#name, bytes: Number(this.#bytes), version: versionOf(this.#tag) });
    this.#name = "";
    this.#bytes = "";
    this.#tag = "";
    this.#type = "";
  };

  result(): ObjectPage {
    const { path, from, broken } = this.#options;
    const next = this.#next;
    if (!this.#isList) throw broken(null);
    if (next !== "" && next === from)
      throw failed("STORE_FAILED", path, "cannot be listed: a page of the list refers to itself");
    return { objects: this.#objects, prefixes: this.#prefixes, next: next === "" ? null : next };
  }

  #take(property: string | undefined, text: string): void {
    if (property === "Content-Length") this.#bytes = text;
    else if (property === "Etag") this.#tag = text;
    else if (property === "ResourceType") this.#type = text;
  }
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
