import { ownText } from "../../shared/core/own-text.ts";
import { failed } from "../../shared/http/failures.ts";
import type { BodyReader } from "../../shared/http/messages.ts";
import type { ListedObject, ObjectPage } from "../object-store/object-client.ts";
import { type XmlContent, xmlBody } from "../object-store/xml.ts";

/**
 * Reads a ListBucketResult. Keys may have characters that XML lacks, so encoded keys are
 * requested. They are decoded if the response says that they are encoded.
 *
 * @param from token that this page was requested with
 * @throws {STORE_FAILED} when the response is not a list, or lacks the token of the next page. A page that is
 * mistaken for the last one would hide objects.
 */
export function objectPageReader(path: string, from: string | null = null): BodyReader<ObjectPage> {
  const broken = (cause: unknown) =>
    failed("STORE_FAILED", path, "cannot be listed: the response is not a list of objects", { cause });
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
  #next: string | null = null;
  #isList = false;
  #isEncoded = false;
  #isTruncated = false;
  #key = "";
  #size = "";
  #etag = "";

  constructor(options: PageOptions) {
    this.#options = options;
  }

  readonly onText = (path: readonly string[], text: string) => {
    this.#isList ||= path[0] === "ListBucketResult";
    const outer = path[1];
    if (outer === "Contents") this.#take(path[2], text);
    else if (outer === "NextContinuationToken") this.#next = text;
    else if (outer === "IsTruncated") this.#isTruncated = text.trim() === "true";
    else if (outer === "EncodingType") this.#isEncoded = text === "url";
    else if (outer === "CommonPrefixes" && path[2] === "Prefix") this.#prefixes.push(text);
  };

  readonly onEnd = (path: readonly string[]) => {
    if (path.length !== 2 || path[1] !== "Contents") return;
    // Without an etag, HEAD and the listing give different versions.
    const version = this.#etag === "" ? null : ownText(this.#etag);
    this.#objects.push({ key: this.#key, bytes: Number(this.#size), version });
    this.#key = "";
    this.#size = "";
    this.#etag = "";
  };

  result(): ObjectPage {
    const { path, from, broken } = this.#options;
    const next = this.#next;
    if (!this.#isList) throw broken(null);
    if (this.#isTruncated && next === null)
      throw failed("STORE_FAILED", path, "was listed in part, and the store returned no token to continue");
    if (next !== null && next === from)
      throw failed("STORE_FAILED", path, "cannot be listed: a page of the list refers to itself");
    if (!this.#isEncoded) return { objects: this.#objects, prefixes: this.#prefixes, next };
    const objects = this.#objects.map(({ key, bytes, version }) => ({
      key: decodedKey(key),
      bytes,
      version,
    }));
    return { objects, prefixes: this.#prefixes.map(decodedKey), next };
  }

  #take(field: string | undefined, text: string): void {
    if (field === "Key") this.#key = text;
    else if (field === "Size") this.#size = text;
    else if (field === "ETag") this.#etag = text;
  }
}

/** Decodes a key in form encoding, where a plus is a blank. */
export function decodedKey(text: string): string {
  return /[%+]/.test(text) ? decodeURIComponent(text.replaceAll("+", " ")) : text;
}
