import { ShardmillError } from "../core/errors.ts";
import type { FileStat, Location } from "../domain/location.ts";
import { cannot, checkRange, fileOrNothing, tooShort } from "./errors.ts";
import { HttpClient, type HttpReply, shownUrl } from "./http-client.ts";
import type { Capabilities, Storage, StoredFile } from "./storage.ts";

/**
 * Files that a web server serves, which are only read: by GET of ranges, since an address that was signed for
 * GET answers nothing else.
 */
export function createHttpStorage(client: HttpClient = new HttpClient()): Storage {
  return new HttpStorage(client);
}

class HttpStorage implements Storage {
  readonly can: Capabilities = {
    put: false,
    rename: false,
    link: false,
    putIfAbsent: false,
    sync: false,
    list: false,
  };
  readonly #client: HttpClient;

  constructor(client: HttpClient) {
    this.#client = client;
  }

  kindAt(location: Location, signal?: AbortSignal): Promise<"file" | null> {
    return fileOrNothing(() => this.stat(location, signal));
  }

  async stat(location: Location, signal?: AbortSignal): Promise<FileStat> {
    const reply = await this.#client.get(location, { start: 0, end: 1 }, signal);
    const { etag, "last-modified": modified } = reply.headers;
    const bytes = totalOf(location, reply);
    return { bytes, version: etag ?? modified ?? `${bytes} bytes` };
  }

  async real(location: Location, signal?: AbortSignal): Promise<Location> {
    await this.stat(location, signal);
    return location;
  }

  async read(location: Location, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkRange(location, start, end);
    signal?.throwIfAborted();
    if (start === end) return new Uint8Array(0);
    const reply = await this.#client.get(location, { start, end }, signal);
    const path = shownUrl(location);
    if (reply.status === 416) throw tooShort(path, end, totalOf(location, reply));
    if (reply.status === 200) return wholeFile(path, reply, { start, end });
    const range = rangeOf(reply);
    if (range?.start !== start) throw failed(path, "answered with another range than it was asked for");
    if (reply.body.length !== end - start) throw tooShort(path, end, start + reply.body.length);
    return reply.body;
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
    this.#client[Symbol.dispose]();
  }
}

/** Of a server that knows no ranges: the file as a whole is all that can be had of it. */
function wholeFile(
  path: string,
  { body }: HttpReply,
  { start, end }: { readonly start: number; readonly end: number },
): Uint8Array {
  if (body.length < end) throw tooShort(path, end, body.length);
  return start === 0 && end === body.length ? body : body.slice(start, end);
}

/** `bytes 0-99/1234`, or `bytes * /0` of a range that is none of the file. */
const CONTENT_RANGE = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/;

function rangeOf({ headers }: HttpReply): { readonly start: number | null; readonly total: number } | null {
  const [whole, start, total] = CONTENT_RANGE.exec(headers["content-range"] ?? "") ?? [];
  return whole === undefined
    ? null
    : { start: start === undefined ? null : Number(start), total: Number(total) };
}

function totalOf(location: Location, reply: HttpReply): number {
  if (reply.status === 200) return reply.body.length;
  const range = rangeOf(reply);
  if (range === null) throw failed(shownUrl(location), "does not say how large it is");
  return range.total;
}

function failed(path: string, what: string): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path} ${what}`, { fields: { path } });
}
