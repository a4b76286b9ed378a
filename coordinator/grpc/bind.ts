import { createServer, type Server as NetServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type Server, ServerCredentials } from "@grpc/grpc-js";
import type { Logger } from "../../shared/core/log.ts";
import { bindError } from "../../shared/serving/bind-error.ts";
import { listenOnAll } from "../../shared/serving/listen.ts";
import type { Listening } from "../../shared/serving/listening.ts";
import type { TlsListener } from "../../shared/serving/tls-listener.ts";
import { type Address, formatAddress } from "../../shared/wire/address.ts";
import { isUnexpected } from "../../shared/wire/rpc-error.ts";
import type { ReportFailure } from "../../shared/wire/unary.ts";

/** Additional time for sockets to close, a moment after the sessions are destroyed. */
const FORCED_CLOSE_MS = 1_000;

/**
 * Returns a reporter of failed calls. Refusals are part of the protocol. An unexpected error is logged with
 * its stack, and its caller gets only the message.
 */
export function reportTo(log: Logger): ReportFailure {
  return (method, error) => {
    if (isUnexpected(error)) log.error({ method, err: error }, "call failed");
    else log.debug({ method, err: error }, "call refused");
  };
}

/** Address of a listening server. */
interface Bound {
  /** Address with the real port. */
  readonly address: string;
  /** Takes no more connections and calls, and waits for the open ones. Ends them after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/**
 * Listens, with TLS if there is a door. The sockets are ours also in the clear, because grpc-js does not let
 * a server set the backlog of connections.
 *
 * @throws {PORT_IN_USE} when another process listens there
 * @throws {ARGUMENT_INVALID} when this machine does not have the address, or the process may not use it
 */
export async function bind(
  server: Server,
  place: Address,
  tlsListener: TlsListener | null = null,
): Promise<Bound> {
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  const onSocket = (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    injector.injectConnection(socket);
  };
  try {
    const { port, servers } = await listenOnAll(() => socketServer(tlsListener, onSocket), place);
    return {
      address: formatAddress({ host: place.host, port }),
      async close(graceMs) {
        for (const each of servers) each.close();
        // Not tryShutdown: on Node 24 it waits for no call. Without channelz, forceShutdown ends none.
        injector.drain(graceMs);
        await allClosed(sockets, graceMs + FORCED_CLOSE_MS);
      },
    };
  } catch (error) {
    server.forceShutdown();
    throw bindError(formatAddress(place), error);
  }
}

function socketServer(tlsListener: TlsListener | null, onSocket: (socket: Socket) => void): NetServer {
  if (tlsListener === null) return createServer(onSocket);
  const server = createTlsServer({ ...tlsListener.options, ALPNProtocols: ["h2"] });
  tlsListener.watch(server);
  return server.on("secureConnection", onSocket);
}

async function allClosed(sockets: ReadonlySet<Socket>, withinMs: number): Promise<void> {
  const late = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, withinMs);
  await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  clearTimeout(late);
}

/** Loads and opens TLS if it is set. Null: connections are in the clear. @throws {TLS_INVALID} */
export async function openTls(listening: Listening, log: Logger): Promise<TlsListener | null> {
  if (listening.tls === null) return null;
  const { openTlsListener } = await import("../../shared/serving/tls-listener.ts");
  return openTlsListener(listening, log);
}
