import { createHash } from "node:crypto";
import { isShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { PassingFailure } from "../../shared/http/failures.ts";
import type { HttpCall, HttpEngine } from "../../shared/http/http-engine.ts";
import type { Answer, AnswerHead, HttpRequest } from "../../shared/http/messages.ts";
import { type RangeRead, readRange } from "../../shared/http/read-range.ts";
import type { AwsCredentials } from "../aws/credentials.ts";
import { AwsSigner, EMPTY_SHA256, type UnsignedRequest, withoutSignature } from "../aws/signer.ts";
import { bodyOf, ignoring } from "../object-store/bodies.ts";
import { CallCredentials } from "../object-store/call-credentials.ts";
import type { CredentialCache } from "../object-store/credential-cache.ts";
import { digestRefusal } from "../object-store/digest-refusal.ts";
import type { ListWanted, ObjectClient, ObjectPage, ObjectPut } from "../object-store/object-client.ts";
import { encodedKey, named, type ObjectPlace } from "../object-store/object-place.ts";
import { problemOf, type StoreProblem } from "../object-store/problem.ts";
import { storeEngine, USER_AGENT } from "../object-store/store-engine.ts";
import { errorInside, headReader, isOfDigest, type S3Head } from "./answers.ts";
import { BucketRegions } from "./bucket-regions.ts";
import { copyOnce } from "./copy-once.ts";
import { isExpired, judgedByProblem, judgedHead } from "./errors.ts";
import { objectPageReader } from "./list-objects.ts";
import { type Ask, copyInParts, PART_BYTES, putInParts } from "./parts-upload.ts";
import { removalOf, removalReader } from "./removals.ts";
import { type S3Settings, storeOf } from "./settings.ts";
import { abortUploads } from "./uploads.ts";

/** S3's limit for one object. */
const MOST_BYTES = 5 * 2 ** 40;
/**
 * Limit of a put in one request. Larger objects are put in parts, one of which is sent again after a broken
 * connection.
 */
const MOST_WHOLE_BYTES = 256 << 20;
/** S3's limit for one copy. Larger objects are copied in parts. */
const MOST_COPIED_BYTES = 5 * 2 ** 30;
/**
 * Timeout of a copy, which may be silent until it is done: 5 GiB at 9 MB/s. After a timeout, a second copy
 * would start while the store still works at the first.
 */
const COPY_IDLE_MS = 600_000;
const REMOVALS_AT_ONCE = 16;
/** Characters that XML cannot express. Such keys are removed one by one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_IN_XML = /[\0-\x1f\ufffe\uffff]/;

/** Sizes above which an object is put or copied in parts. Default: the limits of stores. */
export interface S3Sizes {
  readonly mostWholeBytes?: number;
  readonly mostCopiedBytes?: number;
  readonly partBytes?: number;
}

interface S3ClientOptions extends S3Sizes {
  readonly settings: S3Settings;
  /** Credentials. Null: anonymous requests, for public buckets. */
  readonly credentials: CredentialCache<AwsCredentials> | null;
  readonly engine?: HttpEngine;
}

type Asking = Pick<HttpCall<never>, "path" | "isLed" | "judge" | "onMeant"> & {
  request(headers?: HttpRequest["headers"]): Promise<HttpRequest>;
};

/** Request to a bucket, without the fields that all requests have. */
type Requested = Pick<UnsignedRequest, "method"> &
  Partial<Pick<UnsignedRequest, "query" | "headers" | "sha256" | "body">>;

/**
 * Client of an object store with the S3 protocol.
 *
 * @throws {STORE_NOT_FOUND} {STORE_REFUSED} {STORE_FAILED}, with the store's error code in the field `reason`
 * @throws the errors of the HTTP engine
 */
export class S3Client implements ObjectClient {
  readonly mostBytes = MOST_BYTES;
  readonly wantsMd5 = false;
  readonly #settings: S3Settings;
  readonly #credentials: CredentialCache<AwsCredentials> | null;
  readonly #engine: HttpEngine;
  readonly #signer = new AwsSigner("s3");
  readonly #regions: BucketRegions;
  readonly #sizes: { readonly whole: number; readonly copied: number; readonly part: number };

  constructor({ settings, credentials, engine, ...sizes }: S3ClientOptions) {
    this.#settings = settings;
    this.#credentials = credentials;
    this.#engine = engine ?? storeEngine(settings.ca, settings.isGuarded);
    this.#regions = new BucketRegions(settings);
    this.#sizes = {
      whole: sizes.mostWholeBytes ?? MOST_WHOLE_BYTES,
      copied: sizes.mostCopiedBytes ?? MOST_COPIED_BYTES,
      part: sizes.partBytes ?? PART_BYTES,
    };
  }

  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
  }

  storeOf(): string {
    return storeOf(this.#settings);
  }

  /** Reads bytes `[start, end)` of an object, from the version with the expected etag. */
  async readRange(
    place: ObjectPlace,
    range: { readonly start: number; readonly end: number; readonly version?: string },
    signal: AbortSignal,
  ): Promise<RangeRead> {
    const asking = this.#asking(place, { method: "GET" }, signal);
    const wanted = { ...range, whole: "refuse", isAsStored: true, ...asking } as const;
    return await readRange(this.#engine, wanted, signal);
  }

  async head(place: ObjectPlace, signal: AbortSignal): Promise<S3Head> {
    const headers = { "x-amz-checksum-mode": "ENABLED" };
    const open = (head: AnswerHead) => headReader(place.path, head);
    const ask = () => this.#call(place, { method: "HEAD", headers }, open, signal);
    try {
      return await ask();
    } catch (error) {
      if (!isShardmillError(error, "STORE_REFUSED")) throw error;
      await this.#explain(place, signal);
      // The explanation may have corrected the signature.
      return await ask();
    }
  }

  async list({ bucket, path }: ObjectPlace, wanted: ListWanted, signal: AbortSignal): Promise<ObjectPage> {
    const { prefix, delimiter, from, most } = wanted;
    const query = {
      "list-type": "2",
      "encoding-type": "url",
      prefix,
      ...(delimiter === undefined ? {} : { delimiter }),
      ...(from === undefined || from === null ? {} : { "continuation-token": from }),
      ...(most === undefined ? {} : { "max-keys": String(most) }),
    };
    const open = ({ status }: AnswerHead) => (status === 200 ? objectPageReader(path, from) : null);
    return await this.#call({ bucket, key: "", path }, { method: "GET", query }, open, signal);
  }

  async put(place: ObjectPlace, put: ObjectPut, signal: AbortSignal): Promise<"put" | "taken"> {
    const { body, sha256, ifAbsent } = put;
    if (body.bytes > this.#sizes.whole)
      return await putInParts(this.#ask, place, put, { usualBytes: this.#sizes.part, signal });
    const headers = {
      "x-amz-checksum-sha256": Buffer.from(sha256, "hex").toString("base64"),
      ...(ifAbsent ? { "if-none-match": "*" } : {}),
    };
    const requested: Requested = { method: "PUT", headers, sha256, body };
    const open = ({ status }: AnswerHead) => {
      if (status === 200) return ignoring("put" as const);
      return status === 412 && ifAbsent ? ignoring("taken" as const) : null;
    };
    return await this.#call(place, requested, open, signal);
  }

  async refusesOtherBytes(place: ObjectPlace, signal: AbortSignal): Promise<boolean> {
    const headers = { "x-amz-checksum-sha256": createHash("sha256").digest("base64") };
    const bytes = Buffer.from("other bytes than these");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const asking = this.#asking(place, { method: "PUT", headers, sha256, body: bodyOf(bytes) }, signal);
    const open = (head: AnswerHead) => digestRefusal(head, isOfDigest, asking.judge);
    return await this.#engine.call({ open, ...asking }, signal);
  }

  /**
   * Copies an object in the store, which computes the SHA-256 of the copy or of its parts. An existing object
   * is replaced atomically, because few of these stores know the condition.
   */
  async copy(
    from: ObjectPlace,
    to: ObjectPlace,
    _options: Pick<ObjectPut, "ifAbsent">,
    signal: AbortSignal,
  ): Promise<"put"> {
    try {
      await this.#copyWhole(from, to, signal);
    } catch (error) {
      if (!isShardmillError(error, "STORE_FAILED")) throw error;
      const source = await this.head(from, signal);
      if (source.bytes <= this.#sizes.copied) throw error;
      await copyInParts(this.#ask, { from, to }, source, { usualBytes: this.#sizes.part, signal });
    }
    return "put";
  }

  async #copyWhole(from: ObjectPlace, to: ObjectPlace, signal: AbortSignal): Promise<void> {
    const headers = {
      "x-amz-copy-source": `/${from.bucket}/${encodedKey(from.key)}`,
      "x-amz-checksum-algorithm": "SHA256",
    };
    const open = (head: AnswerHead) => (head.status === 200 ? errorInside(from.path, head) : null);
    const asking = this.#asking({ ...to, path: from.path }, { method: "PUT", headers }, signal);
    const ask = (request: () => Promise<HttpRequest>) =>
      this.#engine.call({ open, idleMs: COPY_IDLE_MS, ...asking, request }, signal);
    const head = (place: ObjectPlace) => this.head(place, signal);
    await copyOnce({ from, to }, { request: asking.request, ask, head });
  }

  async remove(place: ObjectPlace, signal: AbortSignal): Promise<void> {
    const open = ({ status }: AnswerHead) =>
      status === 204 || status === 200 || status === 404 ? ignoring(null) : null;
    await this.#call(place, { method: "DELETE" }, open, signal);
  }

  async removeMany(place: ObjectPlace, keys: readonly string[], signal: AbortSignal): Promise<void> {
    // The keys come from a listing, and none may lead to an object elsewhere.
    const odd = keys.filter((key) => NOT_IN_XML.test(key)).map((key) => named({ ...place, key }));
    const plain = keys.filter((key) => !NOT_IN_XML.test(key));
    await mapConcurrent(odd, REMOVALS_AT_ONCE, (each) => this.remove(each, signal));
    if (plain.length > 0) await this.#removeAtOnce(place, plain, signal);
  }

  async removeUploads(place: ObjectPlace, signal: AbortSignal): Promise<void> {
    await abortUploads(this.#ask, place, signal);
  }

  async #removeAtOnce(
    { bucket, path }: ObjectPlace,
    keys: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const open = ({ status }: AnswerHead) => (status === 200 ? removalReader(path) : null);
    await this.#call({ bucket, key: "", path }, removalOf(keys), open, signal);
  }

  /** Sends requests of an operation with several requests, each of which may take as long as a copy. */
  readonly #ask: Ask = (place, requested, open, signal) =>
    this.#engine.call({ open, idleMs: COPY_IDLE_MS, ...this.#asking(place, requested, signal) }, signal);

  /**
   * Repeats a failed HEAD as a GET, whose response explains the failure.
   *
   * @throws the error of the GET, unless it explains no more
   */
  async #explain(place: ObjectPlace, signal: AbortSignal): Promise<void> {
    try {
      await this.readRange(place, { start: 0, end: 1 }, signal);
    } catch (error) {
      if (!isShardmillError(error, "STORE_FAILED")) throw error;
    }
  }

  async #call<T>(
    place: ObjectPlace,
    requested: Requested,
    open: HttpCall<T>["open"],
    signal: AbortSignal,
  ): Promise<T> {
    return await this.#engine.call({ open, ...this.#asking(place, requested, signal) }, signal);
  }

  /** Builds the request, signed for each attempt, and the reaction when the store refuses it. */
  #asking(place: ObjectPlace, requested: Requested, signal: AbortSignal): Asking {
    const { bucket, path } = place;
    const asker = this.#credentials === null ? null : new CallCredentials(this.#credentials, signal);
    let address = this.#regions.addressOf(place);
    let isMended = false;
    return {
      path,
      // Redirects are followed anonymously only, because another server would not accept this signature.
      isLed: asker === null,
      onMeant: () => asker?.taken(),
      request: async (headers = {}) => {
        address = this.#regions.addressOf(place);
        const { url, region } = address;
        const payer = this.#settings.requesterPays === true ? { "x-amz-request-payer": "requester" } : {};
        const all = { ...requested.headers, ...payer, ...headers, "user-agent": USER_AGENT };
        const unsigned = { query: {}, sha256: EMPTY_SHA256, ...requested, url, headers: all };
        if (asker === null) return withoutSignature(unsigned);
        return await this.#signer.sign(unsigned, { credentials: await asker.next(), region });
      },
      judge: (answer) => {
        if (this.#regions.learn(bucket, address.region, answer))
          return new PassingFailure("is in another region");
        const problem = problemOf(answer);
        if (!isMended && asker !== null && this.#mendsClock(answer, problem)) {
          isMended = true;
          return new PassingFailure("no longer accepts the signature");
        }
        const isHead = requested.method === "HEAD";
        const error = isHead ? judgedHead(path, answer) : judgedByProblem(path, answer, problem);
        const used = asker?.used ?? null;
        if (asker === null || used === null) return error;
        return asker.judge(error, `access key ${used.accessKeyId}`, isExpired(problem));
      },
    };
  }

  /** Corrects the clock from a response. Returns true when the next signature may be accepted. */
  #mendsClock(answer: Answer, { code }: StoreProblem): boolean {
    const storeMs = Date.parse(answer.headers.date ?? "");
    if (code !== "RequestTimeTooSkewed" || Number.isNaN(storeMs)) return false;
    this.#signer.correctClock(storeMs);
    return true;
  }
}
