import type { IncomingHttpHeaders } from "node:http";

/** What is asked of a server. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** For the server of `url` alone: wherever that leads, these do not go along. */
  readonly secretHeaders?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
}

interface RequestBody {
  readonly bytes: number;
  /** From the first on, for each time that it is sent. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** What an answer begins with. */
export interface AnswerHead {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** With as much of its body as is looked at. */
export interface Answer extends AnswerHead {
  readonly body: Uint8Array;
}

/** Takes the body of an answer as it comes. What it throws ends the exchange. */
export interface BodyReader<T> {
  /** A chunk is valid until the call returns. `enough`: whatever comes behind it is not wanted. */
  take(chunk: Uint8Array): "more" | "enough";
  /** When all has come, or enough. */
  end(): T;
}
