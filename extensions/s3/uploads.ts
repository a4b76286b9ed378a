import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { failed } from "../../shared/http/failures.ts";
import type { AnswerHead, BodyReader } from "../../shared/http/messages.ts";
import { named, type ObjectPlace, prefixOf } from "../object-store/object-place.ts";
import { XmlReader, xmlBody } from "../object-store/xml.ts";
import { decodedKey } from "./list-objects.ts";
import { type Ask, abortUpload } from "./parts-upload.ts";

const ABORTS_AT_ONCE = 16;

/** Incomplete multipart upload, which no listing of objects shows. */
interface OpenUpload {
  readonly key: string;
  readonly id: string;
}

interface UploadPage {
  readonly uploads: readonly OpenUpload[];
  /** Last upload of the page, after which the next page begins. Null: this is the last page. */
  readonly next: OpenUpload | null;
}

/**
 * Aborts every upload to a key below a place, whichever client began it. The place must not be the bucket
 * itself.
 */
export async function abortUploads(ask: Ask, place: ObjectPlace, signal: AbortSignal): Promise<void> {
  const prefix = prefixOf(place);
  if (prefix === "") throw new Error(`broken invariant: all uploads of ${place.path} would be given up`);
  for (let from: OpenUpload | null = null; ; ) {
    const page: UploadPage = await listUploads(ask, place, { prefix, from, signal });
    // A store that ignores the prefix lists all uploads of the bucket.
    const own = page.uploads.filter(({ key }) => key.startsWith(prefix));
    await mapConcurrent(own, ABORTS_AT_ONCE, ({ key, id }) => abortUpload(ask, named({ ...place, key }), id));
    if (page.next === null) return;
    from = page.next;
  }
}

function listUploads(
  ask: Ask,
  { bucket, path }: ObjectPlace,
  {
    prefix,
    from,
    signal,
  }: { readonly prefix: string; readonly from: OpenUpload | null; readonly signal: AbortSignal },
): Promise<UploadPage> {
  const query = {
    uploads: "",
    "encoding-type": "url",
    prefix,
    ...(from === null ? {} : { "key-marker": from.key, "upload-id-marker": from.id }),
  };
  const open = ({ status }: AnswerHead) => (status === 200 ? uploadPageReader(path, from) : null);
  return ask({ bucket, key: "", path }, { method: "GET", query }, open, signal);
}

/**
 * Reads a ListMultipartUploadsResult.
 *
 * @throws {STORE_FAILED} when the response is not a list, or its next page is itself
 */
function uploadPageReader(path: string, from: OpenUpload | null): BodyReader<UploadPage> {
  const uploads: OpenUpload[] = [];
  const texts = new Map<string, string>();
  let fields: Record<string, string> = {};
  let isList = false;
  const reader = new XmlReader(
    ([root, outer = "", inner], text) => {
      isList ||= root === "ListMultipartUploadsResult";
      if (outer === "Upload" && inner !== undefined) fields[inner] = text;
      else if (inner === undefined) texts.set(outer, text.trim());
    },
    (ended) => {
      isList ||= ended[0] === "ListMultipartUploadsResult";
      if (ended.length !== 2 || ended[1] !== "Upload") return;
      const { Key = "", UploadId = "" } = fields;
      uploads.push({ key: Key, id: UploadId });
      fields = {};
    },
  );
  const broken = (cause: unknown) =>
    failed("STORE_FAILED", path, "has unknown unfinished uploads: the response is not a list of uploads", {
      cause,
    });
  return xmlBody(
    reader,
    () => {
      if (!isList) throw broken(null);
      const plain = (key: string) => (texts.get("EncodingType") === "url" ? decodedKey(key) : key);
      const next =
        texts.get("IsTruncated") === "true"
          ? { key: plain(texts.get("NextKeyMarker") ?? ""), id: texts.get("NextUploadIdMarker") ?? "" }
          : null;
      if (next !== null && next.key === (from?.key ?? "") && next.id === (from?.id ?? "")) throw broken(null);
      return { uploads: uploads.map(({ key, id }) => ({ key: plain(key), id })), next };
    },
    broken,
  );
}
