import { messageOf } from "../../shared/core/errors.ts";
import { Connections } from "../../shared/http/connections.ts";
import { exchange } from "../../shared/http/exchange.ts";
import { PassingFailure, retryAfterMs } from "../../shared/http/failures.ts";
import type { AnswerHead, BodyReader } from "../../shared/http/messages.ts";

/** Limit of an answer's bytes. A larger one is cut, and so no JSON. */
const MOST_BYTES = 16 << 20;

/** Reply of a server, or the failure of the connection. */
export type Reply =
  | {
      readonly kind: "reply";
      readonly status: number;
      readonly afterMs: number | null;
      readonly body: string;
    }
  | { readonly kind: "broken"; readonly why: string };

/** Client of one server. The caller limits its requests. */
export class AskClient implements Disposable {
  readonly #connections = new Connections();
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;

  /** @param headers headers with secrets */
  constructor(url: string, headers: Readonly<Record<string, string>>, timeoutMs: number) {
    this.#url = new URL(url);
    this.#headers = headers;
    this.#timeoutMs = timeoutMs;
  }

  /** Sends a request with a body. @throws the signal's reason */
  send(body: string, signal: AbortSignal): Promise<Reply> {
    return this.#exchange(Buffer.from(body), signal);
  }

  /** Sends a request without a body. @throws the signal's reason */
  get(signal: AbortSignal): Promise<Reply> {
    return this.#exchange(null, signal);
  }

  async #exchange(bytes: Buffer | null, signal: AbortSignal): Promise<Reply> {
    async function* chunks() {
      if (bytes !== null) yield bytes;
    }
    const body = bytes === null ? {} : { body: { bytes: bytes.length, chunks } };
    for (;;) {
      try {
        const { connection } = await this.#connections.to(this.#url);
        return await exchange<Reply>(
          {
            method: bytes === null ? "GET" : "POST",
            url: this.#url,
            headers: { ...(bytes === null ? {} : CONTENT_TYPE), accept: "application/json" },
            secretHeaders: this.#headers,
            ...body,
          },
          { connection, idleMs: this.#timeoutMs, open: replyOf, judge: (error) => asError(error), signal },
        );
      } catch (error) {
        signal.throwIfAborted();
        // The server had closed a kept connection, and has not seen the request.
        if (error instanceof PassingFailure && error.isStale) continue;
        return { kind: "broken", why: messageOf(error) };
      }
    }
  }

  [Symbol.dispose](): void {
    this.#connections[Symbol.dispose]();
  }
}

const CONTENT_TYPE = { "content-type": "application/json" };

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function replyOf({ status, headers }: AnswerHead): BodyReader<Reply> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const afterMs = retryAfterMs(headers["retry-after"], headers.date) || null;
  return {
    take(chunk) {
      if (bytes < MOST_BYTES) chunks.push(Buffer.from(chunk));
      bytes += chunk.length;
      return "more";
    },
    end: () => ({ kind: "reply", status, afterMs, body: Buffer.concat(chunks).toString() }),
  };
}
