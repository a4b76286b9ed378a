import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { parseAddress } from "../../shared/wire/address.ts";
import { decodeResponse, type Method } from "../../shared/wire/method.ts";
import { workMethods } from "../../shared/wire/methods-work.ts";

/*
 * Minimal client of gRPC's unary calls, and of the stream of calls. A load generator must not cost what it
 * measures, and the library's client costs as much as the server. Frames follow RFC 9113. Headers are sent as
 * literals (RFC 7541). Returned headers are ignored: a call with a message in its answer succeeded.
 *
 * The send window is not tracked: at most three calls of some hundred bytes are open.
 */

const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const FRAME_HEAD_BYTES = 9;
const MESSAGE_HEAD_BYTES = 5;
const MAX_WINDOW = 2 ** 31 - 1;

/** Methods whose calls the stream carries, as a worker's client does. */
const CARRIED: readonly string[] = [
  "RequestLease",
  "Heartbeat",
  "OfferPartial",
  "FailAttempt",
  "ReleaseLease",
];

interface OpenCall {
  readonly what: string;
  readonly answered: Deferred<Buffer>;
  readonly parts: Buffer[];
}

/** Address and credentials of the coordinator. */
export interface BareTarget {
  readonly coordinator: string;
  /** Certificate of the authority in PEM. Default: no TLS. */
  readonly ca?: string;
  readonly token?: string;
  /** True: each call has a stream of its own, as in workers before the stream of calls. Default: false. */
  readonly alone?: boolean;
}

/** Stream of calls. */
interface Carrier {
  readonly stream: number;
  /** Bytes of a message that has not arrived whole. */
  rest: Buffer;
  last: number;
  readonly open: Map<number, Deferred<Buffer>>;
}

/** Connection of one simulated worker. */
export class BareConnection {
  readonly #socket: Socket;
  readonly #token: string;
  readonly #isAlone: boolean;
  readonly #calls = new Map<number, OpenCall>();
  #carrier: Carrier | null = null;
  #received: Buffer = Buffer.alloc(0);
  #nextStream = 1;
  #failure: Error | null = null;

  private constructor(socket: Socket, { token = "", alone = false }: BareTarget) {
    this.#socket = socket;
    this.#token = token;
    this.#isAlone = alone;
    socket.setNoDelay(true);
    socket.on("data", (bytes) => this.#onBytes(bytes));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the connection is closed")));
    const window = Buffer.alloc(6);
    window.writeUInt16BE(4, 0);
    window.writeUInt32BE(MAX_WINDOW, 2);
    const more = Buffer.alloc(4);
    more.writeUInt32BE(MAX_WINDOW - 0xffff, 0);
    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    socket.write(frame(FRAME.settings, 0, 0, window));
    socket.write(frame(FRAME.windowUpdate, 0, 0, more));
  }

  static open(target: BareTarget): Promise<BareConnection> {
    const { coordinator, ca } = target;
    const { host, port } = parseAddress(coordinator, "connect");
    return new Promise((resolve, reject) => {
      const socket =
        ca === undefined ? connect(port, host) : connectTls({ port, host, ca, ALPNProtocols: ["h2"] });
      socket.once("error", reject);
      socket.once(ca === undefined ? "connect" : "secureConnect", () => {
        socket.off("error", reject);
        resolve(new BareConnection(socket, target));
      });
    });
  }

  /** Calls a method. Rejects when the call is refused. Only a real client would read which error. */
  async call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    if (this.#failure !== null) throw this.#failure;
    const { path, requestSerialize, responseDeserialize } = method.definition;
    const message = requestSerialize(method.request.encode(request));
    if (!this.#isAlone && CARRIED.includes(method.name))
      return decodeResponse(method, responseDeserialize(await this.#carry(method.name, message)));
    const call: OpenCall = { what: method.name, answered: deferred<Buffer>(), parts: [] };
    const stream = this.#newStream();
    this.#calls.set(stream, call);
    const headers = frame(FRAME.headers, END_HEADERS, stream, headersOf(path, this.#token));
    const data = frame(FRAME.data, END_STREAM, stream, framed(message));
    this.#socket.write(Buffer.concat([headers, data]));
    const answer = await call.answered.promise;
    return decodeResponse(method, responseDeserialize(answer));
  }

  /** Calls a method on the stream of calls, which the first call opens. */
  #carry(method: string, request: Uint8Array): Promise<Buffer> {
    const { path, requestSerialize } = workMethods.calls.definition;
    const headers: Uint8Array[] = [];
    if (this.#carrier === null) {
      this.#carrier = { stream: this.#newStream(), rest: Buffer.alloc(0), last: 0, open: new Map() };
      const { stream } = this.#carrier;
      headers.push(frame(FRAME.headers, END_HEADERS, stream, headersOf(path, this.#token)));
    }
    const { stream, open } = this.#carrier;
    this.#carrier.last += 1;
    const call = this.#carrier.last;
    const answered = deferred<Buffer>();
    open.set(call, answered);
    const message = framed(requestSerialize({ call, method, request }));
    this.#socket.write(Buffer.concat([...headers, frame(FRAME.data, 0, stream, message)]));
    return answered.promise;
  }

  #newStream(): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return stream;
  }

  close(): void {
    this.#socket.destroy();
  }

  #onBytes(bytes: Buffer): void {
    const all = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    let at = 0;
    while (all.length - at >= FRAME_HEAD_BYTES) {
      const end = at + FRAME_HEAD_BYTES + all.readUIntBE(at, 3);
      if (end > all.length) break;
      const payload = all.subarray(at + FRAME_HEAD_BYTES, end);
      this.#onFrame(all.readUInt8(at + 3), all.readUInt8(at + 4), all.readUInt32BE(at + 5), payload);
      at = end;
    }
    this.#received = all.subarray(at);
  }

  #onFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === FRAME.settings && flags !== ACK) this.#socket.write(frame(FRAME.settings, ACK, 0));
    else if (type === FRAME.ping && flags !== ACK) this.#socket.write(frame(FRAME.ping, ACK, 0, payload));
    else if (type === FRAME.goAway) this.#fail(new Error("the coordinator closes the connection"));
    if (stream === this.#carrier?.stream) this.#onCarried(this.#carrier, type, flags, payload);
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    if (type === FRAME.data) call.parts.push(Buffer.from(payload));
    const isLast = (type === FRAME.data || type === FRAME.headers) && (flags & END_STREAM) !== 0;
    if (!isLast && type !== FRAME.reset) return;
    this.#calls.delete(stream);
    const [first] = call.parts;
    const body = call.parts.length === 1 && first !== undefined ? first : Buffer.concat(call.parts);
    if (body.length >= MESSAGE_HEAD_BYTES) call.answered.resolve(body.subarray(MESSAGE_HEAD_BYTES));
    else call.answered.reject(new Error(`${call.what} was refused`));
  }

  #onCarried(carrier: Carrier, type: number, flags: number, payload: Buffer): void {
    const isEnd = type === FRAME.reset || (type === FRAME.headers && (flags & END_STREAM) !== 0);
    if (isEnd) this.#fail(new Error("the stream of calls ended"));
    if (type !== FRAME.data) return;
    let all = carrier.rest.length === 0 ? payload : Buffer.concat([carrier.rest, payload]);
    while (all.length >= MESSAGE_HEAD_BYTES) {
      const end = MESSAGE_HEAD_BYTES + all.readUInt32BE(1);
      if (end > all.length) break;
      this.#onAnswer(carrier, Buffer.from(all.subarray(MESSAGE_HEAD_BYTES, end)));
      all = all.subarray(end);
    }
    carrier.rest = Buffer.from(all);
  }

  #onAnswer({ open }: Carrier, message: Buffer): void {
    const { responseDeserialize } = workMethods.calls.definition;
    const { call, response } = decodeResponse(workMethods.calls, responseDeserialize(message));
    const answered = open.get(call);
    open.delete(call);
    if (response === null) answered?.reject(new Error("a call was refused"));
    else answered?.resolve(Buffer.from(response));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const answered of this.#carrier?.open.values() ?? []) answered.reject(error);
    this.#carrier?.open.clear();
    for (const { answered } of this.#calls.values()) answered.reject(error);
    this.#calls.clear();
  }
}

/** Adds gRPC's head to a message. */
function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(MESSAGE_HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, FRAME_HEAD_BYTES);
  return bytes;
}

const headersByPath = new Map<string, Buffer>();

/**
 * Returns the headers of a call. `:method POST` and `:scheme http` are entries 3 and 6 of HPACK's table, and
 * all others are literals. A process has one token.
 */
function headersOf(path: string, token: string): Buffer {
  const known = headersByPath.get(path);
  if (known !== undefined) return known;
  const headers = {
    ":path": path,
    ":authority": "bench",
    "content-type": "application/grpc",
    te: "trailers",
    ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
  };
  const literals = Object.entries(headers).flatMap(([name, value]) => [
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
  const block = Buffer.concat([Buffer.from([0x83, 0x86]), ...literals]);
  headersByPath.set(path, block);
  return block;
}
