import { connect, type Socket } from "node:net";
import type { Dice } from "./dice.ts";
import {
  callHeaders,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  grpcMessage,
  literal,
  PREFACE,
  SETTINGS,
} from "./http2.ts";
import { mutate } from "./mutate.ts";

interface WireAttack {
  readonly what: string;
  /** Bytes for each connection, sent at once, or slowly byte by byte. */
  readonly bytes: Buffer;
  readonly connections: number;
  readonly trickle: boolean;
  /** Time for which the connections stay open afterwards. */
  readonly holdMs: number;
}

const OPENED = Buffer.concat([PREFACE, SETTINGS]);
const METHODS = [
  "/shardmill.v1.WorkService/Register",
  "/shardmill.v1.WorkService/OfferPartial",
  "/shardmill.v1.WorkService/Heartbeat",
  "/shardmill.v1.DataService/PutPartialFile",
  "/shardmill.v1.DataService/ReadRange",
  "/shardmill.v1.JobsService/SubmitJob",
  "/shardmill.v1.JobsService/WatchJob",
  "/shardmill.v1.WorkersService/ListWorkers",
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/none/none",
] as const;

function call(path: string, message: Buffer, stream = 1): Buffer {
  return Buffer.concat([
    frame({ type: FRAME.headers, flags: END_HEADERS, stream, payload: callHeaders(path) }),
    frame({ type: FRAME.data, flags: END_STREAM, stream, payload: message.subarray(0, 16_000) }),
  ]);
}

function many(count: number, make: (index: number) => Buffer): Buffer {
  return Buffer.concat([OPENED, ...Array.from({ length: count }, (_, index) => make(index))]);
}

const open = (stream: number) =>
  frame({ type: FRAME.headers, flags: END_HEADERS, stream, payload: callHeaders(METHODS[0]) });

const ATTACKS: readonly (Partial<WireAttack> & Pick<WireAttack, "what" | "bytes">)[] = [
  { what: "a connection that sends nothing", bytes: Buffer.alloc(0), holdMs: 200 },
  {
    what: "a thousand connections that send nothing",
    bytes: Buffer.alloc(0),
    connections: 1_000,
    holdMs: 500,
  },
  { what: "a thousand incomplete prefaces", bytes: PREFACE.subarray(0, 10), connections: 1_000, holdMs: 500 },
  { what: "an HTTP/1.1 request", bytes: Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n") },
  { what: "a TLS hello", bytes: Buffer.from("16030100c8010000c40303", "hex"), holdMs: 200 },
  { what: "a preface, slowly", bytes: OPENED, trickle: true },
  {
    what: "a call, slowly",
    bytes: Buffer.concat([OPENED, call(METHODS[0], grpcMessage(Buffer.alloc(9)))]),
    trickle: true,
  },
  {
    what: "a frame with a claimed length of 16 MiB",
    bytes: Buffer.concat([OPENED, frame({ type: FRAME.data, stream: 1, length: 0xffffff })]),
    holdMs: 200,
  },
  {
    what: "a message with a claimed length of 4 GiB",
    bytes: Buffer.concat([
      OPENED,
      open(1),
      frame({ type: FRAME.data, stream: 1, payload: grpcMessage(Buffer.alloc(100), 0xffffffff) }),
    ]),
    holdMs: 200,
  },
  {
    what: "endless headers",
    bytes: many(3_000, (index) =>
      frame({
        type: index === 0 ? FRAME.headers : FRAME.continuation,
        stream: 1,
        payload: literal(`x-${index}`, "v".repeat(500)),
      }),
    ),
    holdMs: 200,
  },
  {
    what: "a header of 10 MB",
    bytes: Buffer.concat([
      OPENED,
      ...Array.from({ length: 640 }, (_, index) =>
        frame({
          type: index === 0 ? FRAME.headers : FRAME.continuation,
          stream: 1,
          payload: Buffer.alloc(16_000, 0x61),
        }),
      ),
    ]),
  },
  {
    what: "streams that are opened and reset, fast",
    bytes: many(5_000, (index) =>
      Buffer.concat([
        open(index * 2 + 1),
        frame({ type: FRAME.reset, stream: index * 2 + 1, payload: Buffer.alloc(4) }),
      ]),
    ),
    holdMs: 300,
  },
  {
    what: "a thousand streams that stay open",
    bytes: many(1_000, (index) => open(index * 2 + 1)),
    holdMs: 300,
  },
  {
    what: "a flood of pings",
    bytes: many(20_000, () => frame({ type: FRAME.ping, payload: Buffer.alloc(8) })),
    holdMs: 200,
  },
  { what: "a flood of settings", bytes: many(20_000, () => SETTINGS), holdMs: 200 },
  {
    what: "a window that overflows",
    bytes: many(3, () => frame({ type: FRAME.windowUpdate, payload: Buffer.of(0x7f, 0xff, 0xff, 0xff) })),
  },
  {
    what: "data on stream 0",
    bytes: Buffer.concat([OPENED, frame({ type: FRAME.data, payload: Buffer.alloc(10) })]),
  },
  {
    what: "an unknown compression",
    bytes: Buffer.concat([
      OPENED,
      call(METHODS[0], Buffer.concat([Buffer.of(1, 0, 0, 0, 4), Buffer.alloc(4)])),
    ]),
    holdMs: 100,
  },
];

/** Makes an attack: known ones first, then calls with garbage, and damaged conversations. */
export function wireAttack(index: number, dice: Dice): WireAttack {
  const known = ATTACKS[index];
  if (known !== undefined) return { connections: 1, trickle: false, holdMs: 50, ...known };
  const path = dice.pick(METHODS);
  const garbage = Buffer.from(Uint8Array.from({ length: dice.int(2_000) }, () => dice.int(256)));
  const good = Buffer.concat([OPENED, call(path, grpcMessage(garbage))]);
  const base = { connections: 1 + dice.int(3), trickle: false, holdMs: 20 };
  if (index % 3 === 0) return { ...base, what: `garbage to ${path}`, bytes: good };
  if (index % 3 === 1) return { ...base, what: "garbage", bytes: garbage };
  const { what, bytes } = mutate(good, dice);
  return { ...base, what: `a call to ${path}, ${what}`, bytes: Buffer.from(bytes) };
}

/** Runs an attack, whatever the peer answers. */
export async function attack(
  { host, port }: { host: string; port: number },
  plan: WireAttack,
): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: plan.connections }, () => dial(host, port)));
  try {
    if (plan.trickle) {
      for (const byte of plan.bytes.subarray(0, 60)) {
        for (const socket of sockets) socket.write(Buffer.of(byte));
        await pause(5);
      }
    } else for (const socket of sockets) socket.write(plan.bytes);
    await pause(plan.holdMs);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

function dial(host: string, port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    // A refused connection is a valid answer to an attack.
    socket.on("error", () => resolve(socket));
    socket.on("connect", () => resolve(socket));
    socket.resume();
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
