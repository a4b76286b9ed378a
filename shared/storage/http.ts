import { isShardmillError } from "../core/errors.ts";
import { buildVersion } from "../core/package-root.ts";
import { hostSettings, type JobStores } from "../domain/job-stores.ts";
import { type FileStat, type Location, parseLocation } from "../domain/location.ts";
import { failed, judgedByStatus, shownUrl } from "../http/failures.ts";
import { HttpEngine, type HttpEngineOptions } from "../http/http-engine.ts";
import type { Answer } from "../http/messages.ts";
import { type RangeRead, readRange, type WantedRange } from "../http/read-range.ts";
import { refuseLocation } from "./allowed-storage.ts";
import { cannot, checkRange, fileOrNothing, tooShort } from "./errors.ts";
import type { Capabilities, Storage, StoredFile } from "./storage.ts";

/**
 * Makes a read-only storage of a web server's files. Uses only GET with ranges: a URL that is signed for GET
 * answers nothing else.
 */
export function createHttpStorage(engine: HttpEngine, addresses: JobStores["addresses"] = {}): Storage {
  return new HttpStorage(engine, addresses);
}

/** Opens a web storage with the job's settings of each server and file. */
export function openHttpStorage(
  stores: JobStores,
  options: Pick<HttpEngineOptions, "unknownTries"> = {},
): Storage {
  const { isGuarded } = stores;
  const admit = (url: URL) => refuseLocation(parseLocation(url.href), stores);
  const caOf = (url: URL) => hostSettings(stores, url).ca;
  const engine = new HttpEngine({ ...options, isGuarded, admit, caOf });
  return createHttpStorage(engine, stores.addresses);
}

const USER_AGENT = `shardmill/${buildVersion}`;

class HttpStorage implements Storage {
  readonly can: Capabilities = {
    put: false,
    rename: false,
    link: false,
    putIfAbsent: false,
    sync: false,
    list: false,
    versions: true,
  };
  readonly #engine: HttpEngine;
  readonly #addresses: JobStores["addresses"];

  constructor(engine: HttpEngine, addresses: JobStores["addresses"]) {
    this.#engine = engine;
    this.#addresses = addresses;
  }

  kindAt(location: Location, signal: AbortSignal): Promise<"file" | null> {
    return fileOrNothing(() => this.stat(location, signal));
  }

  async stat(location: Location, signal: AbortSignal): Promise<FileStat> {
    const { totalBytes, version } = await this.#get(location, { start: 0, end: 1, whole: "count" }, signal);
    if (totalBytes === null || version === null)
      throw failed("STORE_FAILED", shownUrl(location), "does not report its size");
    return { bytes: totalBytes, version };
  }

  async real(location: Location, signal: AbortSignal): Promise<Location> {
    await this.stat(location, signal);
    return location;
  }

  async read(
    location: Location,
    start: number,
    end: number,
    { version, signal }: { readonly version?: string | undefined; readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    const path = shownUrl(location);
    checkRange(path, start, end);
    signal.throwIfAborted();
    if (start === end) return new Uint8Array(0);
    const range = { start, end, whole: "take", ...(version === undefined ? {} : { version }) } as const;
    const { bytes } = await this.#get(location, range, signal);
    if (bytes.length < end - start) throw tooShort(path, end, start + bytes.length);
    return bytes;
  }

  // biome-ignore lint/correctness/useYield: what cannot be done yields nothing
  async *list(): AsyncGenerator<never> {
    throw cannot("a web server", "list");
  }

  async put(): Promise<StoredFile> {
    throw cannot("a web server", "put");
  }

  async rename(): Promise<void> {
    throw cannot("a web server", "rename");
  }

  async link(): Promise<void> {
    throw cannot("a web server", "link");
  }

  async copy(): Promise<void> {
    throw cannot("a web server", "copy");
  }

  async sync(): Promise<void> {
    throw cannot("a web server", "sync");
  }

  async remove(): Promise<void> {
    throw cannot("a web server", "remove");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#engine[Symbol.dispose]();
  }

  #get(
    location: Location,
    range: Pick<WantedRange, "start" | "end" | "whole" | "version">,
    signal: AbortSignal,
  ): Promise<RangeRead> {
    const path = shownUrl(location);
    const url = new URL(this.#addresses[location] ?? location);
    const wanted: WantedRange = {
      ...range,
      path,
      request: (headers) => ({ method: "GET", url, headers: { ...headers, "user-agent": USER_AGENT } }),
      judge: (answer) => judged(path, url, answer),
    };
    return readRange(this.#engine, wanted, signal);
  }
}

/** Judges an answer by its status. A signed URL expires within hours, so its refusal gets a hint. */
function judged(path: string, { search }: URL, answer: Answer): Error {
  const error = judgedByStatus(path, answer);
  if (search === "" || !isShardmillError(error, "STORE_REFUSED")) return error;
  return failed("STORE_REFUSED", path, `denies access (${answer.status})`, {
    fields: { status: answer.status },
    hint: "if the address is signed, run the job again with a new signature: the old one may have expired",
  });
}
