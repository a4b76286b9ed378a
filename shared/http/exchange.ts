import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { systemClock } from "../core/clock.ts";
import { errorCode } from "../core/errno.ts";
import type { Connection } from "./connections.ts";
import { PassingFailure } from "./failures.ts";
import type { AnswerHead, BodyReader, HttpRequest } from "./messages.ts";

interface ExchangeOptions<T> {
  readonly connection: Connection;
  /** The server says nothing, or takes nothing, for so long: the line is taken for dead. */
  readonly idleMs: number;
  readonly open: (head: AnswerHead) => BodyReader<T>;
  /** What follows from an error of the line. */
  readonly judge: (error: unknown) => Error;
  readonly signal: AbortSignal;
}

/**
 * One request and its answer. Rejects with a {@link PassingFailure} when the line goes dead or breaks off,
 * and with what `judge` makes of its other errors; with what `open`, the reader and the source of the body
 * throw; with the signal's reason.
 */
export function exchange<T>(request: HttpRequest, options: ExchangeOptions<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // One that came before, while the connection was looked for, is told to no listener.
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
  readonly #options: ExchangeOptions<T>;
  readonly #ends: Ends<T>;
  readonly #watch: IdleWatch;
  readonly #onAbort: () => void;
  #isSettled = false;
  /** What was wanted has come: the end is waited for, since then the connection can be kept. */
  #complete: BodyReader<T> | null = null;

  constructor(outgoing: ClientRequest, options: ExchangeOptions<T>, ends: Ends<T>) {
    const { idleMs, signal } = options;
    this.#outgoing = outgoing;
    this.#options = options;
    this.#ends = ends;
    this.#watch = new IdleWatch(idleMs, () => {
      this.#failed(new PassingFailure(`is silent for ${Math.round(idleMs / 1_000)} s`));
    });
    this.#onAbort = () => this.#settle(() => ends.reject(signal.reason));
    signal.addEventListener("abort", this.#onAbort, { once: true });
    outgoing.on("error", (error) => this.#failed(this.#judged(error)));
    outgoing.on("response", (message) => this.#receive(message));
  }

  async send(body: NonNullable<HttpRequest["body"]>): Promise<void> {
    try {
      // That the bytes do not come is no fault of the server's.
      this.#watch.pause();
      for await (const chunk of body.chunks()) {
        if (this.#isSettled) return;
        this.#watch.touch();
        if (!this.#outgoing.write(chunk)) await drained(this.#outgoing);
        this.#watch.pause();
      }
      this.#watch.touch();
      this.#outgoing.end();
    } catch (error) {
      this.#settle(() => this.#ends.reject(error));
    }
  }

  #receive(message: IncomingMessage): void {
    this.#watch.touch();
    message.on("error", () => this.#failed(new PassingFailure("breaks off in its answer")));
    this.#attempt(() => {
      const reader = this.#options.open({ status: message.statusCode ?? 0, headers: message.headers });
      message.on("data", (chunk: Buffer) => this.#attempt(() => this.#take(reader, chunk)));
      message.on("end", () => this.#attempt(() => this.#succeed(reader)));
    });
  }

  #take(reader: BodyReader<T>, chunk: Buffer): void {
    this.#watch.touch();
    if (this.#isSettled) return;
    if (this.#complete !== null) this.#succeed(reader);
    else if (reader.take(chunk) === "enough") this.#complete = reader;
  }

  #succeed(reader: BodyReader<T>): void {
    if (this.#isSettled) return;
    const value = reader.end();
    this.#settle(() => this.#ends.resolve(value));
  }

  #failed(error: unknown): void {
    const complete = this.#complete;
    if (complete === null) this.#settle(() => this.#ends.reject(error));
    else this.#attempt(() => this.#succeed(complete));
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#settle(() => this.#ends.reject(error));
    }
  }

  #settle(act: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#watch.stop();
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    act();
    // Of an exchange that is complete this does nothing, and its connection is kept.
    this.#outgoing.destroy();
  }

  #judged(error: Error): Error {
    const code = errorCode(error);
    // A server may close a connection that it keeps just when the next request is sent on it.
    const isStale = this.#outgoing.reusedSocket && (code === "ECONNRESET" || code === "EPIPE");
    return isStale
      ? new PassingFailure("closes the connection", { isStale, cause: error })
      : this.#options.judge(error);
  }
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

/** Calls once when nothing has happened for so long: by one timer, and not one for each chunk. */
class IdleWatch {
  readonly #idleMs: number;
  readonly #onIdle: () => void;
  #lastMs = systemClock.nowMs();
  #isPaused = false;
  #callOff: () => void;

  constructor(idleMs: number, onIdle: () => void) {
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
    this.#callOff = systemClock.after(idleMs, () => this.#look());
  }

  touch(): void {
    this.#isPaused = false;
    this.#lastMs = systemClock.nowMs();
  }

  pause(): void {
    this.#isPaused = true;
  }

  stop(): void {
    this.#callOff();
  }

  #look(): void {
    const leftMs = this.#isPaused ? this.#idleMs : this.#lastMs + this.#idleMs - systemClock.nowMs();
    if (leftMs <= 0) this.#onIdle();
    else this.#callOff = systemClock.after(Math.ceil(leftMs), () => this.#look());
  }
}
