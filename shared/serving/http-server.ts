import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import { type Address, formatAddress } from "../wire/address.ts";
import { bindError } from "./bind-error.ts";
import { listenOn } from "./listen.ts";
import { peerOf, type TlsDoor } from "./tls-door.ts";

/** What a route knows of the connection below it. */
export interface HttpBindings {
  readonly incoming: IncomingMessage;
}

export interface HttpServer {
  /** Where it listens, with the real port. */
  readonly address: string;
  /** `http://...` or `https://...`, as a browser of this machine may open it. */
  readonly url: string;
  /** Takes no new requests, waits up to `graceMs` for those open, and then ends them. */
  close(graceMs: number): Promise<void>;
}

/** Pages and scrapers keep one or two each. */
const MOST_CONNECTIONS = 1_024;
/** A request is a line, some headers and a small body: who takes longer is not asking. */
const SLOW_REQUEST_MS = 20_000;

/**
 * Serves `app` by HTTP/1.1, by TLS where there is a door for it.
 *
 * @throws {PORT_IN_USE} {ARGUMENT_INVALID} when it cannot listen there
 */
export async function startHttpServer<Env extends { Bindings: HttpBindings }>(
  app: Hono<Env>,
  { host, port }: Address,
  door: TlsDoor | null,
): Promise<HttpServer> {
  const serverOptions = {
    headersTimeout: SLOW_REQUEST_MS,
    requestTimeout: SLOW_REQUEST_MS,
    maxHeaderSize: 16 << 10,
    ...door?.options,
  };
  const server = createAdaptorServer({
    fetch: app.fetch,
    createServer: door === null ? createServer : createTlsServer,
    serverOptions,
  }) as Server | TlsServer;
  server.maxConnections = MOST_CONNECTIONS;
  door?.watch(server as TlsServer);
  const bound = await listenOn(server, { host, port }).catch((error: unknown) => {
    throw bindError(formatAddress({ host, port }), error);
  });
  const address = formatAddress({ host, port: bound });
  return {
    address,
    url: `${door === null ? "http" : "https"}://${address}`,
    async close(graceMs) {
      await new Promise<void>((resolve) => {
        const force = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(force);
          resolve();
        });
        server.closeIdleConnections();
      });
    },
  };
}

/** Address and port of who asks. */
export function askerOf({ incoming }: HttpBindings): string {
  return peerOf(incoming.socket);
}
