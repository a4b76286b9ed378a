import type { IncomingHttpHeaders } from "node:http";

/** Request to a server. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Headers for the server of `url` alone. Redirects do not carry them. */
  readonly secretHeaders?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
}

interface RequestBody {
  readonly bytes: number;
  /** Yields the chunks from the first one on, for each time that the body is sent. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** Status and headers of an answer. */
export interface AnswerHead {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** Answer with the part of its body that was read. */
export interface Answer extends AnswerHead {
  readonly body: Uint8Array;
}

/** Reader of an answer's body as it arrives. An error that it throws ends the exchange. */
export interface BodyReader<T> {
  /** Takes a chunk, which is valid until the call returns. `enough`: later chunks are not needed. */
  take(chunk: Uint8Array): "more" | "enough";
  /** Returns the result, when all bytes or enough have arrived. */
  end(): T;
}
