import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** A port that leads to another, as long as it does. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Breaks what is connected, and takes nobody until {@link mend}. */
  cut(): void;
  mend(): void;
  /** How many connections it has broken. */
  readonly broken: number;
}

/** @param tls of what connects to it: behind it nothing is encrypted */
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
