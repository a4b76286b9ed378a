import { validateHeaderName, validateHeaderValue } from "node:http";
import { Duplex } from "node:stream";
import { type ExchangeOptions, exchange, judgedError } from "./exchange.ts";
import { PassingFailure } from "./failures.ts";
import { IdleWatch } from "./idle-watch.ts";
import type { Line, Lines } from "./lines.ts";
import type { BodyReader, HttpRequest } from "./messages.ts";
import { type SizedHead, sizedHead } from "./response-head.ts";

/** Limit of a head, as in Node. */
const MOST_HEAD_BYTES = 16 << 10;
const HEAD_END = "\r\n\r\n";

/**
 * Sends a GET request, and reads its response from the connection itself. `node:http` copies each chunk of a
 * body twice into new memory. Unusual responses still go through `node:http`, from their first byte, and end
 * the connection.
 *
 * Rejects as `exchange` does.
 */
export function exchangeDirectly<T>(
  request: HttpRequest,
  lines: Lines,
  options: ExchangeOptions<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    options.signal.throwIfAborted();
    const head = headOf(request);
    const line = lines.take(request.url, options.connection);
    line.use(new DirectExchange({ request, line, lines, options, resolve, reject }));
    line.write(head);
  });
}

interface Direct<T> {
  readonly request: HttpRequest;
  readonly line: Line;
  readonly lines: Lines;
  readonly options: ExchangeOptions<T>;
  resolve(value: T | Promise<T>): void;
  reject(error: unknown): void;
}

class DirectExchange<T> {
  readonly #direct: Direct<T>;
  readonly #watch: IdleWatch;
  readonly #onAbort: () => void;
  /** Bytes of an incomplete head. */
  #begun = Buffer.alloc(0);
  #head: SizedHead | null = null;
  #reader: BodyReader<T> | null = null;
  #leftBytes = 0;
  #replay: Replay | null = null;
  #isFinished = false;

  constructor(direct: Direct<T>) {
    const { options } = direct;
    this.#direct = direct;
    this.#watch = new IdleWatch(options.idleMs, () => {
      this.#fail(new PassingFailure(`is silent for ${Math.round(options.idleMs / 1_000)} s`));
    });
    this.#onAbort = () => this.#finish(() => direct.reject(options.signal.reason));
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  take(chunk: Buffer): void {
    if (this.#replay !== null) {
      this.#replay.push(Buffer.from(chunk));
      return;
    }
    this.#watch.touch();
    try {
      const body = this.#reader === null ? this.#takeHead(chunk) : chunk;
      if (body !== null && this.#reader !== null) this.#takeBody(this.#reader, body);
    } catch (error) {
      this.#fail(error);
    }
  }

  ended(error: Error | null): void {
    const { line, options } = this.#direct;
    const isReused = line.isReused && this.#begun.length === 0;
    if (this.#replay !== null) this.#replay.close(error);
    else if (this.#reader !== null) this.#fail(new PassingFailure("ends its response too early"));
    else this.#fail(judgedError(error ?? hungUp(), isReused, options.judge));
  }

  /** Returns the bytes of the body. Null: the head is incomplete, or the response is replayed. */
  #takeHead(chunk: Buffer): Buffer | null {
    const all = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk]);
    const end = all.indexOf(HEAD_END, 0, "latin1");
    if (end < 0 && all.length <= MOST_HEAD_BYTES) {
      this.#begun = Buffer.from(all);
      return null;
    }
    const head = end < 0 ? null : sizedHead(all.toString("latin1", 0, end));
    if (head === null) {
      this.#replayFrom(all);
      return null;
    }
    this.#head = head;
    this.#leftBytes = head.bodyBytes;
    this.#reader = this.#direct.options.open(head);
    return all.subarray(end + HEAD_END.length);
  }

  #takeBody(reader: BodyReader<T>, chunk: Buffer): void {
    if (chunk.length > this.#leftBytes) throw new PassingFailure("sends bytes after its response");
    this.#leftBytes -= chunk.length;
    const isEnough = chunk.length > 0 && reader.take(chunk) === "enough";
    if (this.#leftBytes > 0 && !isEnough) return;
    const value = reader.end();
    this.#finish(() => this.#direct.resolve(value), this.#leftBytes === 0);
  }

  /** Lets `node:http` read the response, from its first byte. */
  #replayFrom(bytes: Buffer): void {
    const { request, line, options, resolve } = this.#direct;
    this.#stop();
    const replay = new Replay(() => line.destroy());
    this.#replay = replay;
    replay.push(Buffer.from(bytes));
    // The request was sent. What is written again goes nowhere.
    resolve(exchange(request, { ...options, connection: { createConnection: () => replay } }));
  }

  #fail(error: unknown): void {
    this.#finish(() => this.#direct.reject(error));
  }

  /** @param isClean true when the response was read to its end */
  #finish(act: () => void, isClean = false): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#stop();
    const { request, line, lines } = this.#direct;
    if (isClean && this.#head?.isKept === true) lines.release(request.url, line, this.#head.keptMs);
    else line.destroy();
    act();
  }

  #stop(): void {
    this.#watch.stop();
    this.#direct.options.signal.removeEventListener("abort", this.#onAbort);
  }
}

/** Connection that repeats the bytes of another one. */
class Replay extends Duplex {
  readonly #onClose: () => void;

  constructor(onClose: () => void) {
    super();
    this.#onClose = onClose;
  }

  close(error: Error | null): void {
    if (error === null) this.push(null);
    else this.destroy(error);
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#onClose();
    done(error);
  }
}

/** Makes the head of a request. Its fields are checked as `node:http` does. */
function headOf({ method, url, headers, secretHeaders }: HttpRequest): string {
  const fields: Record<string, string> = { Connection: "keep-alive", ...headers, ...secretHeaders };
  const hasHost = Object.keys(fields).some((name) => name.toLowerCase() === "host");
  const lines = Object.entries(hasHost ? fields : { Host: url.host, ...fields }).map(([name, value]) => {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  return `${method} ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** Returns the error of a connection that was closed without one, as Node has it. */
function hungUp(): Error {
  return Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
}
