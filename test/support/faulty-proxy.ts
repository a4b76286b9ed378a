import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { NEVER, sleep } from "../../shared/core/abort.ts";

/** Fault of a request to a store, or of its answer. */
export type ProxyFault =
  /** Answers 503, and does nothing. */
  | "busy"
  /** Does it, and the answer is lost. */
  | "lost"
  /** Does it twice, and returns the second answer. */
  | "twice"
  /** Does it late. */
  | "late"
  /** Answers 400, as for a copy of an object that is too large for one request. */
  | "large"
  /** Does nothing, and breaks the connection. */
  | "cut"
  /** Does nothing, and never answers. */
  | "silent"
  /** Refuses it, as for expired credentials. */
  | "expired";

/** A faulty proxy between a client and a store. */
export interface FaultyProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Number of times that each fault struck. */
  readonly struck: ReadonlyMap<ProxyFault, number>;
  /** Total traffic including faults, with the bytes of bodies. */
  readonly seen: { readonly requests: number; readonly bytesSent: number; readonly bytesAnswered: number };
}

const LATE_MS = 300;
const EXPIRED = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";

/**
 * Starts a proxy that forwards requests unchanged, so that their signatures stay valid.
 *
 * @param faultOf returns the fault of a request, or null
 */
export async function startFaultyProxy(
  target: URL,
  faultOf: (method: string, path: string, headers: IncomingHttpHeaders) => ProxyFault | null,
): Promise<FaultyProxy> {
  const seen = { requests: 0, bytesSent: 0, bytesAnswered: 0 };
  const struck = new Map<ProxyFault, number>();
  const server = createServer((incoming, answer) => {
    void serve(incoming, answer).catch(() => answer.destroy());
  });
  const serve = async (incoming: IncomingMessage, answer: ServerResponse) => {
    const { method = "", url = "" } = incoming;
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    seen.requests += 1;
    seen.bytesSent += chunks.reduce((sum, { length }) => sum + length, 0);
    const ask = () => askFor(target, incoming, Buffer.concat(chunks));
    const fault = faultOf(method, url, incoming.headers);
    if (fault !== null) struck.set(fault, (struck.get(fault) ?? 0) + 1);
    if (fault === "busy") {
      answer.writeHead(503, { "content-length": "0" }).end();
      return;
    }
    if (fault === "large") {
      answer
        .writeHead(400)
        .end("<Error><Code>InvalidRequest</Code><Message>it is too large</Message></Error>");
      return;
    }
    if (fault === "expired") {
      answer.writeHead(400, { "content-type": "application/xml" }).end(EXPIRED);
      return;
    }
    if (fault === "silent") return;
    if (fault === "cut") {
      answer.destroy();
      return;
    }
    if (fault === "late") await sleep(LATE_MS, NEVER);
    if (fault === "twice" || fault === "lost") await ask();
    if (fault === "lost") {
      answer.destroy();
      return;
    }
    const { status, headers, body } = await ask();
    seen.bytesAnswered += body.length;
    answer.writeHead(status, headers).end(body);
  };
  // The proxy keeps idle connections open. A client may take a closed one for its next request, which would
  // be lost.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    struck,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface StoreAnswer {
  readonly status: number;
  readonly headers: string[];
  readonly body: Buffer;
}

function askFor(target: URL, incoming: IncomingMessage, body: Buffer): Promise<StoreAnswer> {
  const { method, url, rawHeaders } = incoming;
  return new Promise((resolve, reject) => {
    const { hostname, port } = target;
    const requested = request({ hostname, port, method, path: url, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.once("error", reject);
      answer.once("end", () => {
        resolve({
          status: answer.statusCode ?? 502,
          headers: answer.rawHeaders,
          body: Buffer.concat(chunks),
        });
      });
    });
    requested.once("error", reject);
    for (let at = 0; at < rawHeaders.length; at += 2)
      requested.setHeader(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
    requested.end(body);
  });
}
