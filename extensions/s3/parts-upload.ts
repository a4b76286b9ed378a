import { createHash } from "node:crypto";
import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { failed } from "../../shared/http/failures.ts";
import type { HttpCall } from "../../shared/http/http-engine.ts";
import type { AnswerHead, HttpRequest } from "../../shared/http/messages.ts";
import { bodyOf, ignoring } from "../object-store/bodies.ts";
import type { ObjectPut } from "../object-store/object-client.ts";
import { encodedKey, type ObjectPlace } from "../object-store/object-place.ts";
import { piecesOf } from "../object-store/pieces.ts";
import { SHA256_META } from "./answers.ts";
import {
  checksumOf,
  completedReader,
  copiedPartReader,
  partBytesOf,
  partListOf,
  type SentPart,
  uploadReader,
} from "./parts.ts";

/** Part size. After a broken connection, one part is sent again. It stays in memory meanwhile. */
export const PART_BYTES = 64 << 20;
/** Limit of concurrent part copies. They move no bytes through this process. */
const COPIES_AT_ONCE = 8;
/** Limit of uploads of one object. The store rarely forgets one. */
const MOST_UPLOADS = 3;

/** Request for an object, without its address and credentials. */
interface PartRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly query: Readonly<Record<string, string>>;
  readonly headers?: HttpRequest["headers"];
  /** Hash of the body, in hex. */
  readonly sha256?: string;
  readonly body?: NonNullable<HttpRequest["body"]>;
}

export type Ask = <T>(
  place: ObjectPlace,
  requested: PartRequest,
  open: HttpCall<T>["open"],
  signal: AbortSignal,
) => Promise<T>;

interface PartOptions {
  /** Default part size. */
  readonly usualBytes: number;
  readonly signal: AbortSignal;
}

/** Object to make of parts, and the known facts about it. */
interface Whole {
  /** Hash of the whole object, in hex. Null: unknown. */
  readonly sha256: string | null;
  /** Expected checksum of the parts' checksums. Null: unknown. */
  readonly checksum: string | null;
  /** True when the store keeps and verifies the SHA-256 of each part. */
  readonly isChecked: boolean;
  readonly ifAbsent: boolean;
  readonly signal: AbortSignal;
  send(upload: string): Promise<readonly SentPart[]>;
}

/**
 * Puts an object in parts, each verified by its SHA-256. The list of parts then makes the object atomically.
 */
export function putInParts(
  ask: Ask,
  place: ObjectPlace,
  { body, sha256, ifAbsent }: ObjectPut,
  { usualBytes, signal }: PartOptions,
): Promise<"put" | "taken"> {
  const send = async (upload: string) => {
    const parts: SentPart[] = [];
    for await (const { bytes } of piecesOf(body, partBytesOf(body.bytes, usualBytes))) {
      const digest = createHash("sha256").update(bytes).digest();
      const requested: PartRequest = {
        method: "PUT",
        query: { partNumber: String(parts.length + 1), uploadId: upload },
        headers: { "x-amz-checksum-sha256": digest.toString("base64") },
        sha256: digest.toString("hex"),
        body: bodyOf(bytes),
      };
      const open = ({ status, headers }: AnswerHead) =>
        status === 200 ? ignoring(headers.etag ?? "") : null;
      const etag = await ask(place, requested, open, signal);
      parts.push({ etag, sha256: digest.toString("base64") });
    }
    return parts;
  };
  return madeOfParts(ask, place, { sha256, checksum: null, isChecked: true, ifAbsent, signal, send });
}

/** Object that is too large for one copy. */
interface LargeObject {
  readonly bytes: number;
  /** Etag of the object. */
  readonly version: string;
  readonly sha256: string | null;
  /** Checksum of the parts' checksums. Null: none. */
  readonly checksum: string | null;
}

/** Signal that a store does not report the SHA-256 of copied parts. The copy then has no checksum. */
class UncheckedPart extends Error {}

/**
 * Copies an object in parts of its original part size, so that both checksums are comparable. If the store
 * does not report the checksums of copied parts, the copy has none.
 */
export async function copyInParts(
  ask: Ask,
  places: { readonly from: ObjectPlace; readonly to: ObjectPlace },
  source: LargeObject,
  options: PartOptions,
): Promise<void> {
  try {
    await partsCopied(ask, places, source, { ...options, isChecked: true });
  } catch (error) {
    if (!(error instanceof UncheckedPart)) throw error;
    await partsCopied(ask, places, source, { ...options, isChecked: false });
  }
}

async function partsCopied(
  ask: Ask,
  { from, to }: { readonly from: ObjectPlace; readonly to: ObjectPlace },
  { bytes, version, sha256, checksum }: LargeObject,
  { usualBytes, signal, isChecked }: PartOptions & Pick<Whole, "isChecked">,
): Promise<void> {
  const partBytes = partBytesOf(bytes, usualBytes);
  const starts = Array.from({ length: Math.ceil(bytes / partBytes) }, (_, index) => index * partBytes);
  const send = (upload: string) =>
    mapConcurrent(starts, COPIES_AT_ONCE, async (start, index) => {
      const end = Math.min(bytes, start + partBytes);
      const requested: PartRequest = {
        method: "PUT",
        query: { partNumber: String(index + 1), uploadId: upload },
        headers: {
          "x-amz-copy-source": `/${from.bucket}/${encodedKey(from.key)}`,
          "x-amz-copy-source-range": `bytes=${start}-${end - 1}`,
          "x-amz-copy-source-if-match": version,
        },
      };
      const open = (head: AnswerHead) => (head.status === 200 ? copiedPartReader(from.path, head) : null);
      const part = await ask(to, requested, open, signal);
      if (!isChecked) return { ...part, sha256: null };
      if (part.sha256 === null) throw new UncheckedPart();
      return part;
    });
  const whole = { sha256, checksum, isChecked, ifAbsent: false, signal, send };
  await madeOfParts(ask, { ...to, path: from.path }, whole);
}

async function madeOfParts(ask: Ask, place: ObjectPlace, whole: Whole): Promise<"put" | "taken"> {
  for (let uploads = 1; ; uploads += 1) {
    const upload = await begin(ask, place, whole);
    let isSent = false;
    let failure: { readonly error: unknown } | null = null;
    try {
      const parts = await whole.send(upload);
      isSent = true;
      if ((await complete(ask, place, { upload, parts, ...whole })) === "put") return "put";
    } catch (error) {
      failure = { error };
    }
    // Otherwise the store keeps the parts, and bills them, until a bucket rule removes them.
    const end = await abortUpload(ask, place, upload).catch(() => null);
    if (failure === null) return "taken";
    // The object may be complete, with its last response lost. A new upload detects that.
    const isForgotten = isShardmillError(failure.error, "STORE_NOT_FOUND");
    // A store that refuses a part unread closes the connection, often before its response arrives.
    const isRefusedUnheard = !isSent && isShardmillError(failure.error, "STORE_FAILED") && end === "gone";
    if (!(isForgotten || isRefusedUnheard) || uploads === MOST_UPLOADS) throw failure.error;
  }
}

function begin(ask: Ask, place: ObjectPlace, { sha256, isChecked, signal }: Whole): Promise<string> {
  const headers = {
    ...(isChecked ? { "x-amz-checksum-algorithm": "SHA256" } : {}),
    ...(sha256 === null ? {} : { [SHA256_META]: sha256 }),
  };
  const open = (head: AnswerHead) => (head.status === 200 ? uploadReader(place.path, head) : null);
  return ask(place, { method: "POST", query: { uploads: "" }, headers }, open, signal);
}

interface Completion extends Pick<Whole, "ifAbsent" | "checksum" | "signal"> {
  readonly upload: string;
  readonly parts: readonly SentPart[];
}

async function complete(
  ask: Ask,
  place: ObjectPlace,
  { upload, parts, ifAbsent, checksum, signal }: Completion,
): Promise<"put" | "taken"> {
  const list = partListOf(parts);
  const requested: PartRequest = {
    method: "POST",
    query: { uploadId: upload },
    headers: { "content-type": "application/xml", ...(ifAbsent ? { "if-none-match": "*" } : {}) },
    sha256: createHash("sha256").update(list).digest("hex"),
    body: bodyOf(list),
  };
  const open = (head: AnswerHead) => {
    if (head.status === 200) return completedReader(place.path, head);
    return head.status === 412 && ifAbsent ? ignoring("taken") : null;
  };
  const made = await ask(place, requested, open, signal);
  if (made === "taken") return "taken";
  // An object with other parts has another checksum, and may still be the same.
  const isComparable = checksum?.endsWith(`-${parts.length}`) === true;
  const expected = isComparable ? checksum : checksumOf(parts);
  if (made !== null && expected !== null && made !== expected)
    throw failed("STORE_FAILED", place.path, "was stored with other bytes than were sent");
  return "put";
}

/** @returns whether the upload existed, which does not matter to callers that only clean up */
export function abortUpload(ask: Ask, place: ObjectPlace, upload: string): Promise<"ended" | "gone"> {
  const open = ({ status }: AnswerHead) => {
    if (status === 404) return ignoring("gone" as const);
    return status === 204 ? ignoring("ended" as const) : null;
  };
  return ask(place, { method: "DELETE", query: { uploadId: upload } }, open, NEVER);
}
