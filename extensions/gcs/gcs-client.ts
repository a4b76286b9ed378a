import { failed } from "../../shared/http/failures.ts";
import type { HttpCall, HttpEngine } from "../../shared/http/http-engine.ts";
import type { AnswerHead, BodyReader, HttpRequest } from "../../shared/http/messages.ts";
import { type RangeRead, readRange } from "../../shared/http/read-range.ts";
import { bodyOf, ignoring } from "../object-store/bodies.ts";
import { CallCredentials } from "../object-store/call-credentials.ts";
import type { CredentialCache } from "../object-store/credential-cache.ts";
import { digestRefusal, otherBytes } from "../object-store/digest-refusal.ts";
import type {
  ListWanted,
  ObjectClient,
  ObjectHead,
  ObjectPage,
  ObjectPut,
} from "../object-store/object-client.ts";
import type { ObjectPlace } from "../object-store/object-place.ts";
import { piecesOf } from "../object-store/pieces.ts";
import { storeEngine, USER_AGENT } from "../object-store/store-engine.ts";
import { addressOf, bucketPath, generationOf, objectPath, rewritePath } from "./addresses.ts";
import {
  OBJECT_FIELDS,
  objectReader,
  PAGE_FIELDS,
  type PartOfCopy,
  PUT_FIELDS,
  pageReader,
  REWRITE_FIELDS,
  rewriteReader,
} from "./answers.ts";
import type { GcsCredentials } from "./credentials.ts";
import { isOfDigest, judgedByProblem } from "./errors.ts";
import type { GcsSettings } from "./settings.ts";
import {
  absenceOf,
  begunBy,
  metadataOf,
  multipartBody,
  outcomeOf,
  persistedReader,
  pieceRequest,
  takenBy,
  uploadInPieces,
} from "./uploads.ts";

/** Google's limit for one object. */
const MOST_BYTES = 5 * 2 ** 40;
/**
 * Piece size of larger objects. After a broken connection, one piece is sent again. It stays in memory
 * meanwhile. Google wants a multiple of 256 KiB, and documents less than 8 MiB as slow.
 */
const PIECE_BYTES = 16 << 20;
/** Google's limit for one page. */
const MOST_LISTED = 1_000;

interface GcsClientOptions {
  readonly settings: GcsSettings;
  readonly credentials: CredentialCache<GcsCredentials>;
  readonly engine?: HttpEngine;
  readonly pieceBytes?: number;
}

/** Request to the store. */
interface Requested {
  readonly method: HttpRequest["method"];
  /** Path after the endpoint, encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: HttpRequest["headers"];
  readonly body?: NonNullable<HttpRequest["body"]>;
}

/** Limit of consecutive copy calls without progress. The token may stay the same during progress. */
const MOST_IDLE_REWRITES = 20;

/** Outcome of one copy call. */
type RewriteStep = PartOfCopy | "put" | "taken";

type Asking = Pick<HttpCall<never>, "path" | "judge" | "onMeant"> & {
  request(headers?: HttpRequest["headers"], query?: Requested["query"]): Promise<HttpRequest>;
};

/**
 * Client of Google Cloud Storage's JSON API. An object's version is its generation.
 *
 * @throws {STORE_NOT_FOUND} {STORE_REFUSED} {STORE_FAILED}, with Google's reason in the field `reason`
 * @throws the errors of the HTTP engine
 */
export class GcsClient implements ObjectClient {
  readonly mostBytes = MOST_BYTES;
  readonly wantsMd5 = true;
  readonly #settings: GcsSettings;
  readonly #credentials: CredentialCache<GcsCredentials>;
  readonly #engine: HttpEngine;
  readonly #pieceBytes: number;

  constructor({ settings, credentials, engine, pieceBytes }: GcsClientOptions) {
    this.#settings = settings;
    this.#credentials = credentials;
    this.#engine = engine ?? storeEngine(settings.ca, settings.isGuarded);
    this.#pieceBytes = pieceBytes ?? PIECE_BYTES;
  }

  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
  }

  storeOf(): string {
    return this.#settings.endpoint.href.replace(/\/$/, "");
  }

  async readRange(
    place: ObjectPlace,
    range: { readonly start: number; readonly end: number; readonly version?: string },
    signal: AbortSignal,
  ): Promise<RangeRead> {
    const asking = this.#asking(place, { method: "GET", path: objectPath(place) }, signal);
    const wanted = {
      ...range,
      ...asking,
      whole: "refuse",
      isAsStored: true,
      request: (headers: HttpRequest["headers"], expected: string | null) =>
        // Without this header, Google decompresses gzip objects and ignores the range.
        asking.request(
          { ...headers, "accept-encoding": "gzip" },
          { alt: "media", ...generationOf(expected) },
        ),
      // Emulators ignore the condition, so the version is compared, too.
      versionOf: ({ headers }: AnswerHead) => textOf(headers["x-goog-generation"]),
    } as const;
    return await readRange(this.#engine, wanted, signal);
  }

  async head(place: ObjectPlace, signal: AbortSignal): Promise<ObjectHead> {
    const requested = { method: "GET", path: objectPath(place), query: { fields: OBJECT_FIELDS } } as const;
    const open = ifOk(() => objectReader(place.path));
    return await this.#call(place, { ...requested, open }, signal);
  }

  async list(
    place: ObjectPlace,
    { prefix, delimiter, from = null, most = MOST_LISTED }: ListWanted,
    signal: AbortSignal,
  ): Promise<ObjectPage> {
    const query = {
      fields: PAGE_FIELDS,
      prefix,
      ...(delimiter === undefined ? {} : { delimiter }),
      ...(from === null ? {} : { pageToken: from }),
      maxResults: String(most),
    };
    const open = ifOk(() => pageReader(place.path, from));
    return await this.#call(place, { method: "GET", path: bucketPath(place), query, open }, signal);
  }

  async put(place: ObjectPlace, put: ObjectPut, signal: AbortSignal): Promise<"put" | "taken"> {
    if (put.body.bytes > this.#pieceBytes) return await this.#putInPieces(place, put, signal);
    const open = (head: AnswerHead) => outcomeOf(place, put, head);
    return await this.#call(place, { ...wholePut(place, put), open }, signal);
  }

  async refusesOtherBytes(place: ObjectPlace, signal: AbortSignal): Promise<boolean> {
    const asking = this.#asking(place, wholePut(place, otherBytes()), signal);
    const open = (head: AnswerHead) => digestRefusal(head, isOfDigest, asking.judge);
    return await this.#engine.call({ open, ...asking }, signal);
  }

  async copy(
    from: ObjectPlace,
    to: ObjectPlace,
    options: Pick<ObjectPut, "ifAbsent">,
    signal: AbortSignal,
  ): Promise<"put" | "taken"> {
    const path = rewritePath(from, to);
    const open = (head: AnswerHead): BodyReader<RewriteStep> | null => {
      if (head.status === 200) return rewriteReader(from.path);
      return takenBy(head, options);
    };
    // A copy between storage classes or locations takes several calls.
    let last: PartOfCopy | null = null;
    for (let idle = 0; ; ) {
      const query: Requested["query"] = {
        fields: REWRITE_FIELDS,
        ...absenceOf(options),
        ...(last === null ? {} : { rewriteToken: last.goOnWith }),
      };
      const requested: Requested & Pick<HttpCall<RewriteStep>, "open"> = {
        method: "POST",
        path,
        query,
        open,
      };
      const step: RewriteStep = await this.#call(from, requested, signal);
      if (typeof step === "string") return step;
      const isFurther = step.goOnWith !== last?.goOnWith || step.copied !== last.copied;
      idle = isFurther ? 0 : idle + 1;
      if (idle === MOST_IDLE_REWRITES)
        throw failed("STORE_FAILED", from.path, "is being copied, without progress");
      last = step;
    }
  }

  async remove(place: ObjectPlace, signal: AbortSignal): Promise<void> {
    const open = ({ status }: AnswerHead) =>
      status === 204 || status === 200 || status === 404 ? ignoring(null) : null;
    await this.#call(place, { method: "DELETE", path: objectPath(place), open }, signal);
  }

  async #putInPieces(place: ObjectPlace, put: ObjectPut, signal: AbortSignal): Promise<"put" | "taken"> {
    const { path } = place;
    const { bytes } = put.body;
    const begin: Requested = {
      method: "POST",
      path: `/upload${bucketPath(place)}`,
      query: { uploadType: "resumable", fields: PUT_FIELDS, ...absenceOf(put) },
      headers: { "content-type": "application/json; charset=UTF-8" },
      body: bodyOf(metadataOf(place, put)),
    };
    const pieces = () => piecesOf(put.body, this.#pieceBytes);
    const requested = this.#settings.endpoint;
    const open = (head: AnswerHead) => begunBy(place, put, { ...head, requested });
    return await uploadInPieces(path, pieces, {
      begin: () => this.#call<URL | "taken">(place, { ...begin, open }, signal),
      // The session URL is itself the secret that authorizes the pieces.
      send: (session, piece) =>
        this.#engine.call<number | "put" | "taken">(
          {
            path,
            request: () => pieceRequest(session, piece, bytes),
            open: (head) =>
              head.status === 308 ? persistedReader(head, piece) : outcomeOf(place, put, head),
            judge: (answer) => judgedByProblem(path, answer),
          },
          signal,
        ),
    });
  }

  async #call<T>(
    place: ObjectPlace,
    { open, ...requested }: Requested & Pick<HttpCall<T>, "open">,
    signal: AbortSignal,
  ): Promise<T> {
    return await this.#engine.call({ open, ...this.#asking(place, requested, signal) }, signal);
  }

  /** Builds the request with the current credentials, and the reaction when Google refuses them. */
  #asking(place: ObjectPlace, requested: Requested, signal: AbortSignal): Asking {
    const { path } = place;
    const asker = new CallCredentials(this.#credentials, signal);
    return {
      path,
      onMeant: () => asker.taken(),
      request: async (headers = {}, query = {}) => {
        const used = await asker.next();
        const all = { path: requested.path, query: { ...requested.query, ...query } };
        const url = addressOf(this.#settings.endpoint, place, all);
        return {
          method: requested.method,
          url,
          headers: { ...requested.headers, ...headers, "user-agent": USER_AGENT },
          secretHeaders: used.headers,
          ...(requested.body === undefined ? {} : { body: requested.body }),
        };
      },
      judge: (answer) => {
        const { used } = asker;
        const error = judgedByProblem(path, answer);
        if (used === null) return error;
        const isToken = used.expiration !== undefined;
        return asker.judge(error, used.identity, answer.status === 401 && isToken);
      },
    };
  }
}

/** Puts an object and its metadata with one request. */
function wholePut(place: ObjectPlace, put: ObjectPut): Requested {
  const { body, contentType } = multipartBody(metadataOf(place, put), put.body);
  return {
    method: "POST",
    path: `/upload${bucketPath(place)}`,
    query: { uploadType: "multipart", fields: PUT_FIELDS, ...absenceOf(put) },
    headers: { "content-type": contentType },
    body,
  };
}

function ifOk<T>(reader: () => BodyReader<T>): (head: AnswerHead) => BodyReader<T> | null {
  return ({ status }) => (status === 200 ? reader() : null);
}

function textOf(header: string | readonly string[] | undefined): string | null {
  return typeof header === "string" ? header : null;
}
