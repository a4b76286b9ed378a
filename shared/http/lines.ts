import { connect as connectPlain, isIP, type LookupFunction, type Socket } from "node:net";
import { type checkServerIdentity, connect as connectSecure } from "node:tls";
import { systemClock } from "../core/clock.ts";

/** Options of a connection to a server. */
interface LineOptions {
  readonly ca?: string;
  readonly checkServerIdentity: typeof checkServerIdentity;
  readonly lookup?: LookupFunction;
}

/** User of a line: receives its bytes, and then its end. */
interface LineUser {
  /** Takes bytes, which are valid until the call returns. */
  take(chunk: Buffer): void;
  /** @param error error of the connection. Null: the server closed it. */
  ended(error: Error | null): void;
}

/** Memory that all lines of a thread read into. One read takes all that a socket has, up to its size. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 << 10);

/** Margin of a server's announced idle time: its clock starts before the response arrives. */
const MARGIN_MS = 1_000;

/** One connection, for one user at a time. */
export class Line {
  readonly #socket: Socket;
  #user: LineUser | null = null;
  #error: Error | null = null;
  #isUsable = true;
  /** True when an earlier request had a response. */
  isReused = false;
  /** Time until which the server keeps the idle connection. */
  idleUntilMs = Number.POSITIVE_INFINITY;

  constructor(url: URL, options: LineOptions, onClose: (line: Line) => void) {
    this.#socket = open(url, options, (chunk) => {
      // Bytes that no request asked for belong to no response.
      if (this.#user === null) this.destroy();
      else this.#user.take(chunk);
    });
    this.#socket.on("error", (error) => {
      this.#error = error;
    });
    this.#socket.on("close", () => {
      this.#isUsable = false;
      onClose(this);
      this.#user?.ended(this.#error);
    });
    // Without it, the end of the connection is not read.
    this.#socket.resume();
  }

  get isUsable(): boolean {
    return this.#isUsable && systemClock.nowMs() < this.idleUntilMs;
  }

  use(user: LineUser): void {
    this.#user = user;
    this.#socket.ref();
  }

  write(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** Ends the use. An idle line does not keep the process alive. */
  rest(): void {
    this.#user = null;
    this.isReused = true;
    this.#socket.unref();
  }

  destroy(): void {
    this.#user = null;
    this.#isUsable = false;
    this.#socket.destroy();
  }
}

/** Keeps connections to servers. The caller limits their number. */
export class Lines implements Disposable {
  readonly #open = new Set<Line>();
  /** Idle lines by origin, the most recently used one last. */
  readonly #idle = new Map<string, Line[]>();

  take(url: URL, options: LineOptions): Line {
    const { origin } = url;
    for (let line = this.#pop(origin); line !== undefined; line = this.#pop(origin)) {
      if (line.isUsable) return line;
      line.destroy();
    }
    const line = new Line(url, options, () => this.#forget(origin, line));
    this.#open.add(line);
    return line;
  }

  /** @param keptMs time that the server keeps an idle connection. Null: unknown. */
  release({ origin }: URL, line: Line, keptMs: number | null): void {
    line.rest();
    line.idleUntilMs =
      keptMs === null ? Number.POSITIVE_INFINITY : systemClock.nowMs() + Math.max(0, keptMs - MARGIN_MS);
    const idle = this.#idle.get(origin);
    if (idle === undefined) this.#idle.set(origin, [line]);
    else idle.push(line);
  }

  [Symbol.dispose](): void {
    for (const line of this.#open) line.destroy();
  }

  #pop(origin: string): Line | undefined {
    const idle = this.#idle.get(origin);
    const line = idle?.pop();
    if (idle?.length === 0) this.#idle.delete(origin);
    return line;
  }

  #forget(origin: string, line: Line): void {
    this.#open.delete(line);
    const idle = this.#idle.get(origin)?.filter((other) => other !== line) ?? [];
    if (idle.length > 0) this.#idle.set(origin, idle);
    else this.#idle.delete(origin);
  }
}

function open(url: URL, options: LineOptions, take: (chunk: Buffer) => void): Socket {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const onread = {
    buffer: READ_BUFFER,
    callback: (bytes: number) => {
      take(READ_BUFFER.subarray(0, bytes));
      return true;
    },
  };
  const common = { host, noDelay: true, keepAlive: true, onread, ...options };
  if (url.protocol === "http:") return connectPlain({ ...common, port: Number(url.port || 80) });
  return connectSecure({
    ...common,
    port: Number(url.port || 443),
    // An address is no server name.
    servername: isIP(host) === 0 ? host : "",
    ALPNProtocols: ["http/1.1"],
  });
}
