import { createServer, type Server as NetServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type Server, ServerCredentials } from "@grpc/grpc-js";
import type { Logger } from "../../shared/core/log.ts";
import { bindError } from "../../shared/serving/bind-error.ts";
import { listenOnAll } from "../../shared/serving/listen.ts";
import type { Listening } from "../../shared/serving/listening.ts";
import type { TlsDoor } from "../../shared/serving/tls-door.ts";
import { type Address, formatAddress } from "../../shared/wire/address.ts";
import { isUnexpected } from "../../shared/wire/rpc-error.ts";
import type { ReportFailure } from "../../shared/wire/unary.ts";

/**
 * After the connections are destroyed their close events take a turn or two of the event loop; this is much
 * longer.
 */
const FORCED_CLOSE_MS = 1_000;

/**
 * Refusals are part of the protocol; what nobody foresaw is logged with its stack, and its caller gets the
 * message only.
 */
export function reportTo(log: Logger): ReportFailure {
  return (method, error) => {
    if (isUnexpected(error)) log.error({ method, err: error }, "call failed");
    else log.debug({ method, err: error }, "call refused");
  };
}

/** Where a server listens. */
interface Bound {
  /** With the real port. */
  readonly address: string;
  /** Takes no more connections; the gRPC server closes those that are open. */
  close(): void;
}

/**
 * Listens, by TLS where there is a door for it. The sockets are ours in the clear, too: grpc-js lets
 * nobody choose how many connections may wait.
 *
 * @throws {PORT_IN_USE} when another process listens there
 * @throws {ARGUMENT_INVALID} when it is no address of this machine's, or one it may not use
 */
export async function bind(server: Server, place: Address, door: TlsDoor | null = null): Promise<Bound> {
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const onSocket = (socket: Socket) => injector.injectConnection(socket);
  try {
    const { port, servers } = await listenOnAll(() => socketServer(door, onSocket), place);
    return {
      address: formatAddress({ host: place.host, port }),
      close() {
        for (const each of servers) each.close();
      },
    };
  } catch (error) {
    server.forceShutdown();
    throw bindError(formatAddress(place), error);
  }
}

function socketServer(door: TlsDoor | null, onSocket: (socket: Socket) => void): NetServer {
  if (door === null) return createServer(onSocket);
  const server = createTlsServer({ ...door.options, ALPNProtocols: ["h2"] });
  door.watch(server);
  return server.on("secureConnection", onSocket);
}

/**
 * Takes no new calls, waits up to `graceMs` for those open, and then ends them: `tryShutdown` waits for open
 * streams for as long as they live.
 */
export async function shutDown(server: Server, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timers: NodeJS.Timeout[] = [];
    const done = () => {
      for (const timer of timers) clearTimeout(timer);
      resolve();
    };
    const force = () => {
      server.forceShutdown();
      timers.push(setTimeout(done, FORCED_CLOSE_MS));
    };
    timers.push(setTimeout(force, graceMs));
    server.tryShutdown(done);
  });
}

/** For connections by TLS, loaded only where they are wanted; null in the clear. @throws {TLS_INVALID} */
export async function openTls(listening: Listening, log: Logger): Promise<TlsDoor | null> {
  if (listening.tls === null) return null;
  const { openDoor } = await import("../../shared/serving/tls-door.ts");
  return openDoor(listening, log);
}
