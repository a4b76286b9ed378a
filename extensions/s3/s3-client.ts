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

/** What the store takes of one object. */
const MOST_BYTES = 5 * 2 ** 40;
/** A larger object is put in parts: where the line breaks, only one of them is sent again. */
const MOST_WHOLE_BYTES = 256 << 20;
/** Of one copy: what is larger is copied in parts. */
const MOST_COPIED_BYTES = 5 * 2 ** 30;
/**
 * Of a copy that says nothing until it is done: 5 GiB at 9 MB/s. A copy that is given up is asked for again,
 * while the store is still at the first.
 */
const COPY_IDLE_MS = 600_000;
const REMOVALS_AT_ONCE = 16;
/** What no XML can hold: such keys are removed one by one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_IN_XML = /[\0-\x1f\ufffe\uffff]/;

/** From which sizes on an object is put, and copied, in parts; left out: as stores have it. */
export interface S3Sizes {
  readonly mostWholeBytes?: number;
  readonly mostCopiedBytes?: number;
  readonly partBytes?: number;
}

interface S3ClientOptions extends S3Sizes {
  readonly settings: S3Settings;
  /** Null: requests are nobody's, as public buckets want them. */
  readonly credentials: CredentialCache<AwsCredentials> | null;
  readonly engine?: HttpEngine;
}

type Asking = Pick<HttpCall<never>, "path" | "isLed" | "judge" | "onMeant"> & {
  request(headers?: HttpRequest["headers"]): Promise<HttpRequest>;
};

/** What is asked of a bucket: a request to it, but for what each has. */
type Asked = Pick<UnsignedRequest, "method"> &
  Partial<Pick<UnsignedRequest, "query" | "headers" | "sha256" | "body">>;

/**
 * An object store, spoken to as S3 is.
 *
 * @throws {STORE_NOT_FOUND} {STORE_REFUSED} {STORE_FAILED}, with the store's own code in the field `reason`;
 * what the engine throws
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

  /** Bytes `[start, end)` of an object, of the version that is expected: its etag. */
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
      // It may have found out what was wrong with the signature.
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
    const asked: Asked = { method: "PUT", headers, sha256, body };
    const open = ({ status }: AnswerHead) => {
      if (status === 200) return ignoring("put" as const);
      return status === 412 && ifAbsent ? ignoring("taken" as const) : null;
    };
    return await this.#call(place, asked, open, signal);
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
   * Copies an object in the store, which computes the sha256 of the copy, or those of its parts. What is
   * there is replaced, in one step: the condition is known to few of these stores.
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
    // They are what a listing says: none may lead to an object that is elsewhere.
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

  /** For what takes several requests; each may take as long as a copy does. */
  readonly #ask: Ask = (place, asked, open, signal) =>
    this.#engine.call({ open, idleMs: COPY_IDLE_MS, ...this.#asking(place, asked, signal) }, signal);

  /** An answer to HEAD says nothing of why: one to GET does. @throws what that says, if it says more */
  async #explain(place: ObjectPlace, signal: AbortSignal): Promise<void> {
    try {
      await this.readRange(place, { start: 0, end: 1 }, signal);
    } catch (error) {
      if (!isShardmillError(error, "STORE_FAILED")) throw error;
    }
  }

  async #call<T>(
    place: ObjectPlace,
    asked: Asked,
    open: HttpCall<T>["open"],
    signal: AbortSignal,
  ): Promise<T> {
    return await this.#engine.call({ open, ...this.#asking(place, asked, signal) }, signal);
  }

  /** How it is asked for, each time signed anew, and what follows when that is refused. */
  #asking(place: ObjectPlace, asked: Asked, signal: AbortSignal): Asking {
    const { bucket, path } = place;
    const asker = this.#credentials === null ? null : new CallCredentials(this.#credentials, signal);
    let address = this.#regions.addressOf(place);
    let isMended = false;
    return {
      path,
      // Another server would take no signature that is for this one.
      isLed: asker === null,
      onMeant: () => asker?.taken(),
      request: async (headers = {}) => {
        address = this.#regions.addressOf(place);
        const { url, region } = address;
        const payer = this.#settings.requesterPays === true ? { "x-amz-request-payer": "requester" } : {};
        const all = { ...asked.headers, ...payer, ...headers, "user-agent": USER_AGENT };
        const unsigned = { query: {}, sha256: EMPTY_SHA256, ...asked, url, headers: all };
        if (asker === null) return withoutSignature(unsigned);
        return await this.#signer.sign(unsigned, { credentials: await asker.next(), region });
      },
      judge: (answer) => {
        if (this.#regions.learn(bucket, address.region, answer))
          return new PassingFailure("is in another region");
        const problem = problemOf(answer);
        if (!isMended && asker !== null && this.#mendsClock(answer, problem)) {
          isMended = true;
          return new PassingFailure("takes the signature no more");
        }
        const isHead = asked.method === "HEAD";
        const error = isHead ? judgedHead(path, answer) : judgedByProblem(path, answer, problem);
        const used = asker?.used ?? null;
        if (asker === null || used === null) return error;
        return asker.judge(error, `access key ${used.accessKeyId}`, isExpired(problem));
      },
    };
  }

  /** Whether the next signature may be taken where this one was not. */
  #mendsClock(answer: Answer, { code }: StoreProblem): boolean {
    const storeMs = Date.parse(answer.headers.date ?? "");
    if (code !== "RequestTimeTooSkewed" || Number.isNaN(storeMs)) return false;
    this.#signer.correctClock(storeMs);
    return true;
  }
}
