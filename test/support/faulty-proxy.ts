import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { NEVER, sleep } from "../../shared/core/abort.ts";

/** What becomes of a request on its way to a store, and of the answer. */
export type ProxyFault =
  /** 503, and nothing is done. */
  | "busy"
  /** It is done, and nobody hears of it. */
  | "lost"
  /** It is done twice, and the second answer is heard. */
  | "twice"
  /** It is done late. */
  | "late"
  /** 400, as to a copy of what is too large to be copied at once. */
  | "large"
  /** Nothing is done, and the connection breaks. */
  | "cut"
  /** Nothing is done, and nobody ever says so. */
  | "silent"
  /** It is refused, as of credentials that were good before. */
  | "expired";

/** A server between a client and a store, over which things go wrong. */
export interface FaultyProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** How often each fault struck. */
  readonly struck: ReadonlyMap<ProxyFault, number>;
  /** All that passed, to the byte of its bodies, faults and all. */
  readonly seen: { readonly requests: number; readonly bytesSent: number; readonly bytesAnswered: number };
}

const LATE_MS = 300;
const EXPIRED = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";

/** @param faultOf of each request, null: none. Signatures stay good: what is sent on is what came */
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
  // A connection that it closes may be taken for another request, which it would never see.
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
    const asked = request({ hostname, port, method, path: url, agent: false }, (answer) => {
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
    asked.once("error", reject);
    for (let at = 0; at < rawHeaders.length; at += 2)
      asked.setHeader(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
    asked.end(body);
  });
}
