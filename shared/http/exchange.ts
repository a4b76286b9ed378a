import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { errorCode } from "../core/errno.ts";
import type { Connection } from "./connections.ts";
import { PassingFailure } from "./failures.ts";
import { IdleWatch } from "./idle-watch.ts";
import type { AnswerHead, BodyReader, HttpRequest } from "./messages.ts";

export interface ExchangeOptions<T, C = Connection> {
  readonly connection: C;
  /** Time of silence in either direction after which the connection counts as lost. */
  readonly idleMs: number;
  readonly open: (head: AnswerHead) => BodyReader<T>;
  /** Translates an error of the connection. */
  readonly judge: (error: unknown) => Error;
  readonly signal: AbortSignal;
}

/** Connection that only this exchange uses. */
interface OwnConnection {
  readonly createConnection: () => Duplex;
}

/**
 * Sends one request and reads its answer. Rejects with a {@link PassingFailure} when the connection is lost,
 * and with `judge`'s result for its other errors. Also rejects with errors of `open`, the reader and the
 * body's source, and with the signal's reason.
 */
export function exchange<T>(
  request: HttpRequest,
  options: ExchangeOptions<T, Connection | OwnConnection>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // An abort during the connection's setup reached no listener.
    options.signal.throwIfAborted();
    const { method, url, headers, secretHeaders, body } = request;
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const length = body === undefined ? {} : { "content-length": body.bytes };
    const outgoing = send(url, {
      method,
      ...options.connection,
      headers: { ...headers, ...secretHeaders, ...length },
    });
    const running = new Exchange(outgoing, options, { resolve, reject });
    if (body === undefined) outgoing.end();
    else void running.send(body);
  });
}

interface Ends<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

class Exchange<T> {
  readonly #outgoing: ClientRequest;
  readonly #options: Omit<ExchangeOptions<T>, "connection">;
  readonly #ends: Ends<T>;
  readonly #watch: IdleWatch;
  readonly #onAbort: () => void;
  #isFinished = false;
  /** Reader that has all it needs. Reading continues to the end, so that the connection can be kept. */
  #complete: BodyReader<T> | null = null;

  constructor(outgoing: ClientRequest, options: Omit<ExchangeOptions<T>, "connection">, ends: Ends<T>) {
    const { idleMs, signal } = options;
    this.#outgoing = outgoing;
    this.#options = options;
    this.#ends = ends;
    this.#watch = new IdleWatch(idleMs, () => {
      this.#failed(new PassingFailure(`is silent for ${Math.round(idleMs / 1_000)} s`));
    });
    this.#onAbort = () => this.#finish(() => ends.reject(signal.reason));
    signal.addEventListener("abort", this.#onAbort, { once: true });
    outgoing.on("error", (error) => this.#failed(judgedError(error, outgoing.reusedSocket, options.judge)));
    outgoing.on("response", (message) => this.#receive(message));
  }

  async send(body: NonNullable<HttpRequest["body"]>): Promise<void> {
    try {
      // A slow source of the body is not the server's fault.
      this.#watch.pause();
      for await (const chunk of body.chunks()) {
        if (this.#isFinished) return;
        this.#watch.touch();
        if (!this.#outgoing.write(chunk)) await drained(this.#outgoing);
        this.#watch.pause();
      }
      this.#watch.touch();
      this.#outgoing.end();
    } catch (error) {
      this.#finish(() => this.#ends.reject(error));
    }
  }

  #receive(message: IncomingMessage): void {
    this.#watch.touch();
    message.on("error", () => this.#failed(new PassingFailure("ends its response too early")));
    this.#attempt(() => {
      const reader = this.#options.open({ status: message.statusCode ?? 0, headers: message.headers });
      message.on("data", (chunk: Buffer) => this.#attempt(() => this.#take(reader, chunk)));
      message.on("end", () => this.#attempt(() => this.#succeed(reader)));
    });
  }

  #take(reader: BodyReader<T>, chunk: Buffer): void {
    this.#watch.touch();
    if (this.#isFinished) return;
    if (this.#complete !== null) this.#succeed(reader);
    else if (reader.take(chunk) === "enough") this.#complete = reader;
  }

  #succeed(reader: BodyReader<T>): void {
    if (this.#isFinished) return;
    const value = reader.end();
    this.#finish(() => this.#ends.resolve(value));
  }

  #failed(error: unknown): void {
    const complete = this.#complete;
    if (complete === null) this.#finish(() => this.#ends.reject(error));
    else this.#attempt(() => this.#succeed(complete));
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#finish(() => this.#ends.reject(error));
    }
  }

  #finish(act: () => void): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#watch.stop();
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    act();
    // Does nothing for a complete exchange, whose connection is kept.
    this.#outgoing.destroy();
  }
}

/**
 * Returns the error of a connection that failed before a response.
 *
 * @param isReused true when the connection had an earlier response
 */
export function judgedError(error: Error, isReused: boolean, judge: (error: unknown) => Error): Error {
  const code = errorCode(error);
  // A server may close a kept connection just when the next request is sent.
  const isStale = isReused && (code === "ECONNRESET" || code === "EPIPE");
  return isStale ? new PassingFailure("closes the connection", { isStale, cause: error }) : judge(error);
}

function drained(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("drain", done);
    outgoing.on("close", done);
  });
}
