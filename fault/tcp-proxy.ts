import { connect, createServer, type Server, type Socket } from "node:net";

/** `up`: from the client to the server. `down`: from the server to the client. */
export type Direction = "up" | "down";

/**
 * A network between clients and one server whose directions can be closed. A closed direction drops data
 * silently, as a firewall that drops packets does. Dropped data arrives late, once the direction is open
 * again, as if TCP had sent it again.
 */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #flows = new Set<Flow>();
  readonly #holes = new Set<Direction>();
  readonly #held: Record<Direction, number> = { up: 0, down: 0 };
  #targetPort: number;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#join(client, connect(this.#targetPort, "127.0.0.1")));
  }

  static async open(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get address(): string {
    const found = this.#server.address();
    if (found === null || typeof found === "string") throw new Error("broken invariant: the proxy listens");
    return `127.0.0.1:${found.port}`;
  }

  /** Sends new connections to another port, as a changed DNS entry would. */
  leadTo(targetPort: number): void {
    this.#targetPort = targetPort;
  }

  /** Closes all connections, visibly for both ends. */
  breakOff(): void {
    for (const flow of this.#flows) flow.end();
  }

  /** Returns the number of dropped bytes so far, which proves that a closed direction had an effect. */
  heldBytes(direction: Direction): number {
    return this.#held[direction];
  }

  swallow(direction: Direction): void {
    this.#holes.add(direction);
  }

  openAgain(direction: Direction): void {
    this.#holes.delete(direction);
    for (const flow of this.#flows) if (flow.direction === direction) flow.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const flow of this.#flows) flow.end();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(client: Socket, server: Socket): void {
    const flows = [
      new Flow("up", client, server, (bytes) => this.#swallows("up", bytes)),
      new Flow("down", server, client, (bytes) => this.#swallows("down", bytes)),
    ];
    for (const flow of flows) this.#flows.add(flow);
    const end = () => {
      for (const flow of flows) {
        flow.end();
        this.#flows.delete(flow);
      }
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", end);
      socket.on("close", end);
    }
  }

  #swallows(direction: Direction, bytes: number): boolean {
    if (!this.#holes.has(direction)) return false;
    this.#held[direction] += bytes;
    return true;
  }
}

/** One direction of one connection. */
class Flow {
  readonly direction: Direction;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #kept: Buffer[] = [];

  constructor(direction: Direction, from: Socket, to: Socket, swallows: (bytes: number) => boolean) {
    this.direction = direction;
    this.#from = from;
    this.#to = to;
    from.on("data", (bytes: Buffer) => {
      if (swallows(bytes.length)) {
        this.#kept.push(bytes);
        // The kernel keeps the rest. One chunk proves that something was sent.
        from.pause();
      } else if (!to.write(bytes)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
  }

  release(): void {
    for (const bytes of this.#kept.splice(0)) this.#to.write(bytes);
    this.#from.resume();
  }

  end(): void {
    this.#from.destroy();
    this.#to.destroy();
  }
}
