import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** A port that forwards to another, and can be cut. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Breaks all connections, and refuses new ones until {@link mend}. */
  cut(): void;
  mend(): void;
  /** Number of connections that it has broken. */
  readonly broken: number;
}

/** @param tls TLS of incoming connections. The connection to the target is not encrypted */
export async function startRelay(target: number, tls: TlsOptions | null = null): Promise<Relay> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let broken = 0;
  const keep = (socket: Socket, other: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      other.destroy();
    });
    socket.pipe(other);
  };
  const onConnection = (incoming: Socket) => {
    if (isCut) {
      incoming.resetAndDestroy();
      return;
    }
    const outgoing = connect(target, "127.0.0.1");
    keep(incoming, outgoing);
    keep(outgoing, incoming);
  };
  const server = tls === null ? createServer(onConnection) : createTlsServer(tls, onConnection);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const breakAll = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      isCut = true;
      broken += sockets.size / 2;
      breakAll();
    },
    mend() {
      isCut = false;
    },
    get broken() {
      return broken;
    },
    async [Symbol.asyncDispose]() {
      breakAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
