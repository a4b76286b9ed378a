import { createHash, randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { messageOf } from "../../../../shared/core/errors.ts";
import { Connections } from "../../../../shared/http/connections.ts";
import { exchangeDirectly } from "../../../../shared/http/direct-exchange.ts";
import { exchange } from "../../../../shared/http/exchange.ts";
import type { AnswerHead } from "../../../../shared/http/messages.ts";
import { makeCertificate } from "../../../support/certificate.ts";
import { startWebServer } from "../../../support/web-server.ts";

/** Response of the raw server: bytes, the places where they are cut, and whether it closes afterwards. */
let script: { readonly bytes: Buffer; readonly cuts: readonly number[]; readonly closes: boolean };
let server: Server;
const sockets: Socket[] = [];

beforeAll(async () => {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      if (chunk.toString("latin1").endsWith("\r\n\r\n")) void respond(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

async function respond(socket: Socket): Promise<void> {
  const { bytes, cuts, closes } = script;
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    socket.write(bytes.subarray(start, end));
    start = end;
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (closes) socket.end();
}

const urlOf = () => new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x`);

/** Silence that no busy machine reaches. */
const LIMITS = { idleMs: 60_000, wanted: Number.POSITIVE_INFINITY };

/** Returns what a response is: its status, fields and bytes, or the message of its error. */
async function outcome(connections: Connections, way: "direct" | "node", url = urlOf(), limits = LIMITS) {
  const { connection, lines } = await connections.to(url);
  const open = (head: AnswerHead) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    return {
      take(chunk: Uint8Array) {
        chunks.push(Buffer.from(chunk));
        bytes += chunk.length;
        return bytes >= limits.wanted ? ("enough" as const) : ("more" as const);
      },
      end: () => ({ status: head.status, headers: { ...head.headers }, body: Buffer.concat(chunks) }),
    };
  };
  const judge = (error: unknown) => new Error(`judged: ${messageOf(error)}`);
  const options = { connection, idleMs: limits.idleMs, open, judge, signal: NEVER };
  const request = { method: "GET", url, headers: { range: "bytes=0-" } } as const;
  try {
    if (lines === null) throw new Error("there is no proxy");
    const found = await (way === "direct"
      ? exchangeDirectly(request, lines, options)
      : exchange(request, options));
    return { ...found, body: found.body.toString("latin1") };
  } catch (error) {
    return messageOf(error);
  }
}

const BODY = "0123456789".repeat(30);
const sized = `HTTP/1.1 206 Partial Content\r\nETag: "a"\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
const RESPONSES: Readonly<Record<string, { readonly text: string; readonly closes: boolean }>> = {
  sized: { text: sized, closes: false },
  "sized, and the connection ends": { text: sized, closes: true },
  empty: { text: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", closes: false },
  chunked: {
    text: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n12c\r\n${BODY}\r\n0\r\n\r\n`,
    closes: false,
  },
  "until the end of the connection": { text: `HTTP/1.1 200 OK\r\n\r\n${BODY}`, closes: true },
  "an older protocol": { text: `HTTP/1.0 200 OK\r\nContent-Length: 300\r\n\r\n${BODY}`, closes: true },
  "after an interim response": { text: `HTTP/1.1 100 Continue\r\n\r\n${sized}`, closes: false },
  "with a field twice": {
    text: `HTTP/1.1 200 OK\r\nVia: a\r\nVia: b\r\nContent-Length: 300\r\n\r\n${BODY}`,
    closes: false,
  },
  "with a field of the store twice": {
    text: sized.replace("\r\n\r\n", "\r\nX-Amz-Id: a\r\nX-Empty:\r\nx-amz-id: b\r\nx-empty:\r\n\r\n"),
    closes: false,
  },
  "shorter than it says": { text: sized.slice(0, -1), closes: true },
  "a head that breaks off": { text: sized.slice(0, 40), closes: true },
  "no HTTP": { text: "SSH-2.0-OpenSSH_9.2\r\n\r\n", closes: true },
  nothing: { text: "", closes: true },
};

test.each(Object.entries(RESPONSES))(
  "a response (%s) that arrives in any pieces is what node:http makes of it",
  async (_what, { text, closes }) => {
    using connections = new Connections();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { maxLength: 6 }), async (cuts) => {
        script = { bytes: Buffer.from(text, "latin1"), cuts, closes };
        const found = await outcome(connections, "direct");
        expect(typeof found === "string" ? coarse(found) : found).toEqual(
          await outcome(connections, "node").then((node) => (typeof node === "string" ? coarse(node) : node)),
        );
      }),
      { numRuns: 10 },
    );
  },
);

/** Returns the part of a message that both parsers have. */
function coarse(message: string): string {
  return message.startsWith("judged: ") ? "judged" : message;
}

test("reads one after another use one connection, until a response has bytes too many", async () => {
  using connections = new Connections();
  const before = sockets.length;
  const repeated = sized.replace("\r\n\r\n", "\r\nX-Amz-Id: a\r\nx-amz-id: a\r\n\r\n");
  script = { bytes: Buffer.from(repeated), cuts: [], closes: false };
  for (let time = 0; time < 5; time += 1)
    expect(await outcome(connections, "direct")).toMatchObject({ body: BODY });
  expect(sockets.length - before).toBe(1);
  script = { bytes: Buffer.from(`${sized}HTTP/1.1 200 OK\r\n`), cuts: [], closes: false };
  expect(await outcome(connections, "direct")).toBe("sends bytes after its response");
  script = { bytes: Buffer.from(sized), cuts: [], closes: false };
  expect(await outcome(connections, "direct")).toMatchObject({ body: BODY });
  expect(sockets.length - before).toBe(2);
});

test("a kept connection that the server closes, or says it closes, is not used again", async () => {
  using connections = new Connections();
  const before = sockets.length;
  const closing = sized.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
  const expired = sized.replace("\r\n\r\n", "\r\nKeep-Alive: timeout=1\r\n\r\n");
  for (const text of [closing, expired, sized]) {
    script = { bytes: Buffer.from(text), cuts: [], closes: false };
    expect(await outcome(connections, "direct")).toMatchObject({ body: BODY });
  }
  expect(sockets.length - before).toBe(3);
  sockets.at(-1)?.destroy();
  await vi.waitFor(async () => expect(await outcome(connections, "direct")).toMatchObject({ body: BODY }));
});

test("a reader that has enough ends the response, and a silent server the request", async () => {
  using connections = new Connections();
  script = { bytes: Buffer.from(sized.slice(0, -1)), cuts: [], closes: false };
  expect(await outcome(connections, "direct", urlOf(), { ...LIMITS, wanted: 10 })).toMatchObject({
    status: 206,
  });
  expect(await outcome(connections, "direct", urlOf(), { ...LIMITS, idleMs: 400 })).toBe("is silent for 0 s");
});

test("over TLS many mebibytes arrive unchanged, from a server with a trusted certificate alone", async () => {
  const { key, cert } = await makeCertificate();
  const bytes = randomBytes(5 << 20);
  await using secure = await startWebServer({ "/x": bytes }, { key, cert });
  const url = new URL("/x", secure.url);
  using friend = new Connections({ caOf: () => cert });
  const digest = (body: string) => createHash("sha256").update(body, "latin1").digest("hex");
  for (const way of ["direct", "node", "direct"] as const) {
    const found = await outcome(friend, way, url);
    expect(typeof found === "string" ? found : digest(found.body)).toBe(digest(bytes.toString("latin1")));
  }
  using stranger = new Connections();
  // Newer releases of Node.js add advice behind it.
  expect(await outcome(stranger, "direct", url)).toMatch(/^judged: self-signed certificate/);
});
