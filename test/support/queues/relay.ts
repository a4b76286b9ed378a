import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A port that leads to another, as long as it does. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Breaks what is connected, and takes nobody until {@link mend}. */
  cut(): void;
  mend(): void;
  /** How many connections it has broken. */
  readonly broken: number;
}

export async function startRelay(target: number): Promise<Relay> {
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
  const server = createServer((incoming) => {
    if (isCut) {
      incoming.resetAndDestroy();
      return;
    }
    const outgoing = connect(target, "127.0.0.1");
    keep(incoming, outgoing);
    keep(outgoing, incoming);
  });
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
