import {
  Agent as HttpAgent,
  get as httpGet,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, get as httpsGet } from "node:https";
import { sleep } from "../core/abort.ts";
import { backoffMs } from "../core/backoff.ts";
import { systemClock, type Timers } from "../core/clock.ts";
import { errorCode } from "../core/errno.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { buildVersion } from "../core/package-root.ts";
import { type Random, systemRandom } from "../core/random.ts";
import { formatBytes } from "../core/units.ts";

/** An answer with its body: 200, 206, or 416. */
export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

interface ByteRange {
  readonly start: number;
  readonly end: number;
}

interface HttpClientOptions {
  readonly timers?: Timers;
  readonly random?: Random;
  /** Nothing came for so long: the line is taken for dead. */
  readonly idleMs?: number;
}

/** A server that is busy, or a line that breaks, is asked again so often. */
const TRIES = 4;
const BACKOFF = { firstMs: 200, maxMs: 5_000 };
const REDIRECTS = 5;
/** Of a server that knows no ranges: a file is held whole, and none that is read so may be larger. */
const MOST_BYTES = 512 * 1024 * 1024;
/** Connections to one server at once: what browsers and servers are used to. */
const SOCKETS = 8;

/** Gets ranges of files from web servers: redirects followed, what passes by itself tried again. */
export class HttpClient implements Disposable {
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #idleMs: number;
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: SOCKETS });
  readonly #https = new HttpsAgent({ keepAlive: true, maxSockets: SOCKETS });

  constructor({ timers = systemClock, random = systemRandom, idleMs = 30_000 }: HttpClientOptions = {}) {
    this.#timers = timers;
    this.#random = random;
    this.#idleMs = idleMs;
  }

  /**
   * @throws {STORE_NOT_FOUND} when there is no such file or server
   * @throws {STORE_REFUSED} when the server does not give it, or leads to where it is not safe
   * @throws {STORE_FAILED} when it fails again and again, or gives no answer that can be used
   */
  async get(url: string, range: ByteRange, signal?: AbortSignal): Promise<HttpReply> {
    for (let attempt = 0; ; attempt += 1) {
      signal?.throwIfAborted();
      try {
        return await this.#follow(url, range, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof PassingFailure)) throw error;
        if (attempt + 1 === TRIES) throw error.asError(url);
        await sleep(backoffMs(attempt, BACKOFF, this.#random.unit()), signal, this.#timers);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  async #follow(url: string, range: ByteRange, signal: AbortSignal | undefined): Promise<HttpReply> {
    let at = new URL(url);
    for (let redirects = 0; redirects <= REDIRECTS; redirects += 1) {
      const reply = await this.#ask(at, range, signal);
      const { location } = reply.headers;
      if (![301, 302, 303, 307, 308].includes(reply.status) || location === undefined)
        return judged(url, reply);
      const next = URL.canParse(location, at.href) ? new URL(location, at) : null;
      if (next === null || !["http:", "https:"].includes(next.protocol))
        throw refusal(url, "redirects to what is no address");
      if (at.protocol === "https:" && next.protocol === "http:")
        throw refusal(url, "redirects from https to http");
      at = next;
    }
    throw refusal(url, `redirects more than ${REDIRECTS} times`);
  }

  #ask(url: URL, { start, end }: ByteRange, signal: AbortSignal | undefined): Promise<HttpReply> {
    const isPlain = url.protocol === "http:";
    const options = {
      agent: isPlain ? this.#http : this.#https,
      headers: {
        range: `bytes=${start}-${end - 1}`,
        // What is packed for the way has other ranges.
        "accept-encoding": "identity",
        "user-agent": `shardmill/${buildVersion}`,
      },
      ...(signal === undefined ? {} : { signal }),
    };
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => reject(failureOf(url.href, error));
      const request = (isPlain ? httpGet : httpsGet)(url, options, (message) => {
        collect(url.href, message).then(resolve, fail);
      });
      request.setTimeout(this.#idleMs, () =>
        request.destroy(new Error(`nothing came for ${Math.round(this.#idleMs / 1_000)} s`)),
      );
      request.on("error", fail);
    });
  }
}

async function collect(url: string, message: IncomingMessage): Promise<HttpReply> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message) {
    chunks.push(chunk);
    bytes += chunk.length;
    // Leaving the loop ends the connection.
    if (bytes > MOST_BYTES) throw refusal(url, `sends more than ${formatBytes(MOST_BYTES)}`);
  }
  const body = new Uint8Array(Buffer.concat(chunks));
  const announced = message.headers["content-length"];
  if (!message.complete || (announced !== undefined && Number(announced) !== body.length))
    throw new Error("the answer was cut off");
  return { status: message.statusCode ?? 0, headers: message.headers, body };
}

/** What may be otherwise a moment later. */
class PassingFailure extends Error {
  asError(url: string): ShardmillError {
    return failure("STORE_FAILED", url, this.message);
  }
}

function judged(url: string, reply: HttpReply): HttpReply {
  const { status } = reply;
  if (status === 200 || status === 206 || status === 416) {
    if ((reply.headers["content-encoding"] ?? "identity") !== "identity")
      throw failure("STORE_FAILED", url, `is sent packed (${reply.headers["content-encoding"]})`);
    return reply;
  }
  if (status === 404 || status === 410) throw failure("STORE_NOT_FOUND", url, `is not there (${status})`);
  if (status === 401 || status === 403 || status === 407 || status === 451)
    throw failure("STORE_REFUSED", url, `is not given to whoever asks (${status})`);
  if (status === 408 || status === 425 || status === 429 || status >= 500)
    throw new PassingFailure(`answers ${status}`);
  throw failure("STORE_FAILED", url, `answers ${status}`);
}

function failureOf(url: string, error: unknown): Error {
  if (error instanceof ShardmillError) return error;
  // A name that no server has; EAI_AGAIN is a name server that does not answer.
  if (errorCode(error) === "ENOTFOUND")
    return failure("STORE_NOT_FOUND", url, `has no server: nobody knows ${new URL(url).hostname}`);
  return new PassingFailure(`cannot be read: ${messageOf(error)}`);
}

function refusal(url: string, what: string): ShardmillError {
  return failure("STORE_REFUSED", url, what);
}

function failure(code: ErrorCode, url: string, what: string): ShardmillError {
  const path = shownUrl(url);
  return new ShardmillError(code, `${path} ${what}`, { fields: { path } });
}

/** An address as it may be shown: what stands behind `?`, and before `@`, may be a secret. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname, search } = new URL(url);
  return `${protocol}//${host}${pathname}${search === "" ? "" : "?..."}`;
}
