import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";

export type ServeCall = (request: IncomingMessage, response: ServerResponse) => void;

/** Answer of a test server for a path: a file, or a function. */
export type Served = Uint8Array | ServeCall;

export interface WebServer extends AsyncDisposable {
  /** Address of the server: `http://127.0.0.1:PORT`, or `https:`. */
  readonly url: string;
  readonly served: Map<string, Served>;
  /** Requests, each as `GET /path bytes=0-99`. */
  readonly requests: string[];
}

/**
 * Starts a web server on this machine that serves ranges of the given files, and 404 for other paths.
 *
 * @param secure key and certificate for TLS. Default: no TLS
 */
export async function startWebServer(
  files: Readonly<Record<string, Served>>,
  secure?: { readonly key: string; readonly cert: string },
): Promise<WebServer> {
  const served = new Map(Object.entries(files));
  const requests: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? ""}`);
    const found = served.get(new URL(request.url ?? "/", "http://x").pathname);
    if (found === undefined) response.writeHead(404).end("nothing here");
    else if (found instanceof Uint8Array) serveRange(request, response, found);
    else found(request, response);
  };
  const server: Server = secure === undefined ? createServer(answer) : createSecureServer(secure, answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${secure === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    served,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function serveRange({ headers }: IncomingMessage, response: ServerResponse, bytes: Uint8Array): void {
  const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
  const start = Number(from);
  const end = Math.min(bytes.length, to === "" ? bytes.length : Number(to) + 1);
  if (start >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    return;
  }
  response.writeHead(206, {
    "content-range": `bytes ${start}-${end - 1}/${bytes.length}`,
    "content-length": end - start,
    etag: `"${bytes.length}"`,
  });
  response.end(bytes.subarray(start, end));
}
