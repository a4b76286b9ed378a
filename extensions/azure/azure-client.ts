import { randomBytes } from "node:crypto";
import { sleep } from "../../shared/core/abort.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { asDigest } from "../../shared/core/digest.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { failed } from "../../shared/http/failures.ts";
import type { HttpCall, HttpEngine } from "../../shared/http/http-engine.ts";
import type { AnswerHead, BodyReader, HttpRequest } from "../../shared/http/messages.ts";
import { type RangeRead, readRange } from "../../shared/http/read-range.ts";
import { bodyOf, ignoring, md5InBase64 } from "../object-store/bodies.ts";
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
import { timeOf } from "../object-store/time-of.ts";
import { addressOf, containerOf } from "./blob-place.ts";
import { absenceOf, blockIds, blockListOf, md5Of, placedBy, SHA256_HEADER, saidOf } from "./blobs.ts";
import { copyBegunBy, copyInStore, copyOf, copyReader } from "./copies.ts";
import type { AzureCredentials } from "./credentials.ts";
import { isOfDigest, judgedByProblem } from "./errors.ts";
import { blobPageReader } from "./list-blobs.ts";
import type { AzureSettings } from "./settings.ts";
import { authorized, type UnsignedRequest } from "./signer.ts";

/** Block size of larger blobs. After a broken connection, one block is sent again. */
const BLOCK_BYTES = 16 << 20;
/** Azure's limit for one blob. */
const MOST_BLOCKS = 50_000;
/** Limit of uploads of one blob. Azure drops a blob's pending blocks when another writer commits its own. */
const MOST_UPLOADS = 3;
/** Poll interval of a running copy. Copies within an account mostly complete at once. */
const COPY_LOOK_MS = 500;

interface AzureClientOptions {
  readonly settings: AzureSettings;
  readonly credentials: CredentialCache<AzureCredentials>;
  readonly engine?: HttpEngine;
  readonly blockBytes?: number;
  readonly copyLookMs?: number;
}

type Requested = Pick<UnsignedRequest, "method"> &
  Partial<Pick<UnsignedRequest, "query" | "headers" | "body">>;

type Asking = Pick<HttpCall<never>, "path" | "judge" | "onMeant"> & {
  request(headers?: HttpRequest["headers"]): Promise<HttpRequest>;
};

/**
 * Client of Azure Blob Storage's REST API. A blob's version is its etag.
 *
 * @throws {STORE_NOT_FOUND} {STORE_REFUSED} {STORE_FAILED}, with Azure's error code in the field `reason`
 * @throws the errors of the HTTP engine
 */
export class AzureClient implements ObjectClient {
  readonly mostBytes: number;
  readonly wantsMd5 = true;
  readonly #settings: AzureSettings;
  readonly #credentials: CredentialCache<AzureCredentials>;
  readonly #engine: HttpEngine;
  readonly #blockBytes: number;
  readonly #copyLookMs: number;

  constructor({ settings, credentials, engine, ...sizes }: AzureClientOptions) {
    this.#settings = settings;
    this.#credentials = credentials;
    this.#engine = engine ?? storeEngine(settings.ca, settings.isGuarded);
    this.#blockBytes = sizes.blockBytes ?? BLOCK_BYTES;
    this.#copyLookMs = sizes.copyLookMs ?? COPY_LOOK_MS;
    this.mostBytes = MOST_BLOCKS * this.#blockBytes;
  }

  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
  }

  storeOf(place: ObjectPlace): string {
    return containerOf(place, this.#settings).endpoint.href.replace(/\/$/, "");
  }

  async readRange(
    place: ObjectPlace,
    range: { readonly start: number; readonly end: number; readonly version?: string },
    signal: AbortSignal,
  ): Promise<RangeRead> {
    const asking = this.#asking(place, { method: "GET" }, signal);
    return await readRange(this.#engine, { ...range, whole: "refuse", isAsStored: true, ...asking }, signal);
  }

  async head(place: ObjectPlace, signal: AbortSignal): Promise<ObjectHead> {
    return await this.#call(place, { method: "HEAD", open: (head) => headReader(place.path, head) }, signal);
  }

  async list(
    place: ObjectPlace,
    { prefix, delimiter, from = null, most }: ListWanted,
    signal: AbortSignal,
  ): Promise<ObjectPage> {
    const query = {
      restype: "container",
      comp: "list",
      prefix,
      ...(delimiter === undefined ? {} : { delimiter }),
      ...(from === null ? {} : { marker: from }),
      ...(most === undefined ? {} : { maxresults: String(most) }),
    };
    const open = ({ status }: AnswerHead) => (status === 200 ? blobPageReader(place.path, from) : null);
    return await this.#call({ ...place, key: "" }, { method: "GET", query, open }, signal);
  }

  async put(place: ObjectPlace, put: ObjectPut, signal: AbortSignal): Promise<"put" | "taken"> {
    if (put.body.bytes > this.#blockBytes) return await this.#putInBlocks(place, put, signal);
    const open = (head: AnswerHead) => placedBy(head, put);
    return await this.#call(place, { ...wholePut(put), open }, signal);
  }

  async refusesOtherBytes(place: ObjectPlace, signal: AbortSignal): Promise<boolean> {
    const asking = this.#asking(place, wholePut(otherBytes()), signal);
    const open = (head: AnswerHead) => digestRefusal(head, isOfDigest, asking.judge);
    return await this.#engine.call({ open, ...asking }, signal);
  }

  async copy(
    from: ObjectPlace,
    to: ObjectPlace,
    options: Pick<ObjectPut, "ifAbsent">,
    signal: AbortSignal,
  ): Promise<"put" | "taken"> {
    const source = addressOf(containerOf(from, this.#settings), from);
    // The signature in the source URL goes to Azure alone.
    const { access } = this.#settings;
    if (access.kind === "sas") source.search = access.sas;
    const headers = { "x-ms-copy-source": source.href, ...absenceOf(options) };
    const target = { ...to, path: from.path };
    const open = (head: AnswerHead) => copyBegunBy(head, options);
    return await copyInStore(from.path, {
      begin: () => this.#call(target, { method: "PUT", headers, open }, signal),
      look: () => this.#call(target, { method: "HEAD", open: copyReader }, signal),
      wait: () => sleep(this.#copyLookMs, signal),
    });
  }

  async remove(place: ObjectPlace, signal: AbortSignal): Promise<void> {
    const headers = { "x-ms-delete-snapshots": "include" };
    const open = ({ status }: AnswerHead) => (status === 202 || status === 404 ? ignoring(null) : null);
    await this.#call(place, { method: "DELETE", headers, open }, signal);
  }

  /** Sends blocks one after another, each checked by Azure. The block list then makes the blob atomically. */
  async #putInBlocks(place: ObjectPlace, put: ObjectPut, signal: AbortSignal): Promise<"put" | "taken"> {
    for (let uploads = 1; ; uploads += 1) {
      try {
        const ids = await this.#sendBlocks(place, put, signal);
        const bytes = blockListOf(ids);
        const list = bodyOf(bytes);
        const headers = {
          ...saidOf(put),
          "x-ms-blob-content-md5": md5InBase64(put),
          "content-md5": md5Of(bytes),
        };
        const open = (head: AnswerHead) => placedBy(head, put);
        return await this.#call(
          place,
          { method: "PUT", query: { comp: "blocklist" }, headers, body: list, open },
          signal,
        );
      } catch (error) {
        const isDropped = isShardmillError(error) && error.fields.reason === "InvalidBlockList";
        if (!isDropped || uploads === MOST_UPLOADS) throw error;
      }
    }
  }

  async #sendBlocks(place: ObjectPlace, { body }: ObjectPut, signal: AbortSignal): Promise<string[]> {
    const idOf = blockIds(randomBytes(16));
    const ids: string[] = [];
    const open = ({ status }: AnswerHead) => (status === 201 ? ignoring(null) : null);
    for await (const { bytes } of piecesOf(body, this.#blockBytes)) {
      const id = idOf(ids.length);
      const requested = {
        method: "PUT",
        query: { comp: "block", blockid: id },
        body: bodyOf(bytes),
      } as const;
      await this.#call(place, { ...requested, headers: { "content-md5": md5Of(bytes) }, open }, signal);
      ids.push(id);
    }
    return ids;
  }

  async #call<T>(
    place: ObjectPlace,
    { open, ...requested }: Requested & Pick<HttpCall<T>, "open">,
    signal: AbortSignal,
  ): Promise<T> {
    const asking = this.#asking(place, requested, signal);
    return await this.#engine.call({ open, ...asking }, signal);
  }

  /** Builds the request with the current credentials, and the reaction when Azure refuses them. */
  #asking(place: ObjectPlace, requested: Requested, signal: AbortSignal): Asking {
    const { path } = place;
    const container = containerOf(place, this.#settings);
    const url = addressOf(container, place);
    const asker = new CallCredentials(this.#credentials, signal);
    return {
      path,
      onMeant: () => asker.taken(),
      request: async (headers = {}) => {
        const used = await asker.next();
        const all = { ...requested.headers, ...headers, "user-agent": USER_AGENT };
        const { account } = container;
        return authorized(
          { query: {}, ...requested, account, url, headers: all },
          used,
          systemClock.wallMs(),
        );
      },
      judge: (answer) => {
        const { used } = asker;
        const error = judgedByProblem(path, answer);
        if (used === null) return error;
        return asker.judge(error, used.identity, answer.status === 401 && used.kind === "token");
      },
    };
  }
}

function headReader(path: string, head: AnswerHead): BodyReader<ObjectHead> | null {
  const { status, headers } = head;
  if (status !== 200) return null;
  // A directory of an account with a hierarchical namespace. A folder is never an object of its own.
  if (headers["x-ms-resource-type"] === "directory" || headers["x-ms-meta-hdi_isfolder"] === "true")
    throw failed("STORE_NOT_FOUND", path, "is a folder");
  const { "content-length": length, etag } = headers;
  if (etag === undefined || length === undefined)
    throw failed("STORE_FAILED", path, "has no etag or no size: the store does not speak Azure's protocol");
  const sha256 = copyOf(head).state === "success" ? headers[SHA256_HEADER] : null;
  return ignoring({
    bytes: Number(length),
    version: etag,
    modified: timeOf(headers["last-modified"]),
    sha256: typeof sha256 === "string" ? asDigest(sha256) : null,
  });
}

/** Puts a blob with one request. */
function wholePut(put: ObjectPut): Requested {
  const headers = { ...saidOf(put), "x-ms-blob-type": "BlockBlob", "content-md5": md5InBase64(put) };
  return { method: "PUT", headers, body: put.body };
}
