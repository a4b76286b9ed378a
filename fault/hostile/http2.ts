/** HTTP/2 frames by hand, right or wrong. Format: RFC 9113. Headers are HPACK literals, RFC 7541. */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;

interface Frame {
  readonly type: number;
  readonly flags?: number;
  readonly stream?: number;
  readonly payload?: Buffer;
  /** Length that the frame claims. Default: the real one. */
  readonly length?: number;
}

export function frame({ type, flags = 0, stream = 0, payload = Buffer.alloc(0), length }: Frame): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length ?? payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const SETTINGS = frame({ type: FRAME.settings });

/** Placeholder of the coordinator's secret in headers. It has the same length, so that no length changes. */
const SECRET_PLACE = "secret".padEnd(43, "-");

/** Inserts the secret into the bytes. Without it, the guard would refuse them before any codec. */
export function withSecret(bytes: Buffer, secret: string): Buffer {
  return Buffer.from(bytes.toString("latin1").replaceAll(SECRET_PLACE, secret), "latin1");
}

/** Builds the headers of a gRPC call, which is anonymous before {@link withSecret}. */
export function callHeaders(path: string): Buffer {
  const headers: readonly (readonly [string, string])[] = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ["authorization", `Bearer ${SECRET_PLACE}`],
  ];
  return Buffer.concat(headers.map(([name, value]) => literal(name, value)));
}

export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), hpackText(name), hpackText(value)]);
}

function hpackText(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  const length: number[] = [127];
  let rest = bytes.length - 127;
  while (rest >= 128) {
    length.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

/** Builds a gRPC message: a flag, its length, its bytes. */
export function grpcMessage(bytes: Buffer, length: number = bytes.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}
