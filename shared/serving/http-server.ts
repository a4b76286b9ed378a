import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import { type Address, formatAddress } from "../wire/address.ts";
import { bindError } from "./bind-error.ts";
import { listenOn } from "./listen.ts";
import { peerOf, type TlsListener } from "./tls-listener.ts";

/** Connection of a request. */
export interface HttpBindings {
  readonly incoming: IncomingMessage;
}

export interface HttpServer {
  /** Address with the real port. */
  readonly address: string;
  /** URL for a browser on this machine: `http://...` or `https://...`. */
  readonly url: string;
  /** Stops accepting requests, waits up to `graceMs` for open ones, and then ends them. */
  close(graceMs: number): Promise<void>;
}

/** Limit of connections. Pages and scrapers keep one or two each. */
const MOST_CONNECTIONS = 1_024;
/** Limit of the time to send a request, which is a line, some headers and a small body. */
const SLOW_REQUEST_MS = 20_000;

/**
 * Serves `app` by HTTP/1.1, with TLS if there is a door.
 *
 * @throws {PORT_IN_USE} {ARGUMENT_INVALID} when the server cannot listen there
 */
export async function startHttpServer<Env extends { Bindings: HttpBindings }>(
  app: Hono<Env>,
  { host, port }: Address,
  tlsListener: TlsListener | null,
): Promise<HttpServer> {
  const serverOptions = {
    headersTimeout: SLOW_REQUEST_MS,
    requestTimeout: SLOW_REQUEST_MS,
    maxHeaderSize: 16 << 10,
    ...tlsListener?.options,
  };
  const server = createAdaptorServer({
    fetch: app.fetch,
    createServer: tlsListener === null ? createServer : createTlsServer,
    serverOptions,
  }) as Server | TlsServer;
  server.maxConnections = MOST_CONNECTIONS;
  tlsListener?.watch(server as TlsServer);
  const bound = await listenOn(server, { host, port }).catch((error: unknown) => {
    throw bindError(formatAddress({ host, port }), error);
  });
  const address = formatAddress({ host, port: bound });
  return {
    address,
    url: `${tlsListener === null ? "http" : "https"}://${address}`,
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

/** Returns the caller's address and port. */
export function askerOf({ incoming }: HttpBindings): string {
  return peerOf(incoming.socket);
}
