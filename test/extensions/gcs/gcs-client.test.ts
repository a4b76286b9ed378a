import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { sha256 } from "../../../shared/core/digest.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import {
  type FaultyGcs,
  OBJECT,
  object,
  problem,
  range,
  says,
  startFaultyGcs,
  told,
  UPLOAD,
} from "../../support/faulty-gcs.ts";
import type { ServeCall, WebServer } from "../../support/web-server.ts";

/** Faults that no emulator has on request, as Google documents them. */

let store: FaultyGcs;
let server: WebServer;
beforeAll(async () => {
  store = await startFaultyGcs({ pieceBytes: PIECE });
  server = store.server;
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

const LIST = "/storage/v1/b/bucket/o";
const PIECE = 1_000;
const answers: FaultyGcs["answers"] = (path, ...calls) => store.answers(path, ...calls);
const open = () => store.storage();

const text = async (read: Promise<Uint8Array>) => Buffer.from(await read).toString();

test("a rejected token is renewed once, and a second rejection fails with STORE_REFUSED without secrets", async () => {
  const requested = answers(OBJECT, problem(401, "authError"), range);
  await using storage = open();
  expect(await text(storage.read(object, 0, 5, { signal: NEVER }))).toBe("01234");
  expect(requested).toEqual(["alt=media Bearer hunter2-1", "alt=media Bearer hunter2-2"]);
  answers(OBJECT, problem(401, "authError", "Invalid Credentials"));
  await using again = open();
  const refused = await again.read(object, 0, 5, { signal: NEVER }).catch((thrown: unknown) => thrown);
  expect(refused).toMatchObject({
    code: "STORE_REFUSED",
    message: expect.stringContaining("requested as service account reader@project.iam.gserviceaccount.com"),
    fields: {
      reason: "authError",
      identity: expect.stringContaining("reader@"),
      variable: "GOOGLE_APPLICATION_CREDENTIALS",
    },
  });
  expect(JSON.stringify([refused, String(refused)])).not.toContain("hunter2");
});

test("a read of another generation fails with STORE_CHANGED, even if the store ignores the condition", async () => {
  await using storage = open();
  const requested = answers(OBJECT, range);
  expect(await text(storage.read(object, 0, 5, { version: "7", signal: NEVER }))).toBe("01234");
  expect(requested).toEqual(["alt=media&ifGenerationMatch=7 Bearer hunter2-1"]);
  const changed = { code: "STORE_CHANGED" };
  await expect(storage.read(object, 0, 5, { version: "6", signal: NEVER })).rejects.toMatchObject(changed);
  answers(OBJECT, problem(412, "conditionNotMet"));
  await expect(storage.read(object, 0, 5, { version: "6", signal: NEVER })).rejects.toMatchObject(changed);
});

test("a broken range read resumes after its last byte in the same generation", async () => {
  const broken: ServeCall = (_request, response) => {
    response.writeHead(206, {
      "content-range": "bytes 0-4/10",
      "x-goog-generation": "7",
      "content-length": "5",
    });
    response.write("01", () => response.destroy());
  };
  const rest = says(206, "234", { "content-range": "bytes 2-4/10", "x-goog-generation": "7" });
  const requested = answers(OBJECT, broken, rest);
  await using storage = open();
  expect(await text(storage.read(object, 0, 5, { signal: NEVER }))).toBe("01234");
  expect(requested[1]).toContain("ifGenerationMatch=7");
});

test("an object with gzip encoding is requested and read as it is stored", async () => {
  let encoding: unknown;
  answers(OBJECT, (request, response) => {
    encoding = request.headers["accept-encoding"];
    says(206, "01234", {
      "content-range": "bytes 0-4/10",
      "x-goog-generation": "7",
      "content-encoding": "gzip",
    })(request, response);
  });
  await using storage = open();
  expect(await text(storage.read(object, 0, 5, { signal: NEVER }))).toBe("01234");
  expect(encoding).toBe("gzip");
});

test.each([
  [404, "notFound", "STORE_NOT_FOUND"],
  [403, "forbidden", "STORE_REFUSED"],
  [400, "invalid", "STORE_FAILED"],
])("an answer %i %s fails with %s", async (status, reason, code) => {
  answers(OBJECT, problem(status, reason));
  server.served.set(LIST, problem(404, "notFound"));
  await using storage = open();
  await expect(storage.stat(object, NEVER)).rejects.toMatchObject({ code, fields: { reason } });
});

test("a request to a busy store is retried, whether its status or its reason reports it", async () => {
  answers(OBJECT, says(503), problem(403, "rateLimitExceeded"), problem(429, "x"), says(500), range);
  await using storage = open();
  expect(await text(storage.read(object, 0, 5, { signal: NEVER }))).toBe("01234");
  answers(OBJECT, problem(403, "userRateLimitExceeded"));
  await expect(storage.read(object, 0, 5, { signal: NEVER })).rejects.toMatchObject({
    fields: { throttled: true },
  });
});

test.each([
  ["a page that is not a listing", "<html>"],
  ["a page whose next page is itself", JSON.stringify({ items: [], nextPageToken: "1" })],
  ["an invalid size", JSON.stringify({ items: [{ name: "a/x", size: "much", generation: "1" }] })],
])("a listing fails with STORE_FAILED when it has %s", async (_what, page) => {
  answers(LIST, says(200, page));
  await using storage = open();
  const pages = storage.list(parseLocation("gs://bucket/a"), { signal: NEVER });
  const all = async () => {
    for await (const _page of pages);
  };
  await expect(all()).rejects.toMatchObject({ code: "STORE_FAILED" });
});

test("a copy in parts continues with its token until it is complete", async () => {
  answers(OBJECT, says(200, JSON.stringify({ size: "10", generation: "7" })));
  const requested = answers(
    `${OBJECT}/rewriteTo/b/bucket/o/c`,
    says(200, JSON.stringify({ done: false, rewriteToken: "t/1" })),
    says(200, JSON.stringify({ done: true })),
  );
  await using storage = open();
  await storage.copy(object, parseLocation("gs://bucket/c"), NEVER);
  expect(requested.map((each) => each.includes("rewriteToken=t%2F1"))).toEqual([false, true]);
});

test("a copy may repeat its token while it makes progress, and otherwise fails with STORE_FAILED", async () => {
  answers(OBJECT, says(200, JSON.stringify({ size: "10", generation: "7" })));
  const steps = Array.from({ length: 30 }, (_, step) => String(step));
  const part = (totalBytesRewritten: string) =>
    says(200, JSON.stringify({ done: false, rewriteToken: "t", totalBytesRewritten }));
  const done = says(200, JSON.stringify({ done: true }));
  await using storage = open();
  const requested = answers(`${OBJECT}/rewriteTo/b/bucket/o/c`, ...steps.map(part), done);
  await storage.copy(object, parseLocation("gs://bucket/c"), NEVER);
  expect(requested).toHaveLength(31);
  const stuck = answers(`${OBJECT}/rewriteTo/b/bucket/o/c`, part("1"));
  await expect(storage.copy(object, parseLocation("gs://bucket/c"), NEVER)).rejects.toMatchObject({
    code: "STORE_FAILED",
  });
  expect(stuck).toHaveLength(21);
});

test("a put with a lost response is retried, and succeeds only if the existing object has the same bytes", async () => {
  const lost: ServeCall = (request) => void request.resume().on("end", () => request.socket.destroy());
  const there = (bytes: string) => {
    answers(UPLOAD, lost, problem(412, "conditionNotMet"));
    answers(OBJECT, says(200, JSON.stringify(told(Buffer.from(bytes)))));
  };
  await using storage = open();
  there("the same");
  expect(await storage.put(object, sourceOfBytes("the same"), { ifAbsent: true, signal: NEVER })).toEqual({
    bytes: 8,
    sha256: sha256("the same"),
  });
  there("not that");
  const other = storage.put(object, sourceOfBytes("the same"), { ifAbsent: true, signal: NEVER });
  await expect(other).rejects.toMatchObject({ code: "STORE_EXISTS" });
});

/** Accepts uploads in pieces, with `fault` at the given piece. The result is in `kept`. */
function takeInPieces(fault: (piece: number, at: number) => "lose" | "forget" | "less" | null) {
  const state = { kept: Buffer.alloc(0), begun: 0, pieces: 0, done: "" };
  server.served.set(UPLOAD, (request, response) => {
    request.resume().on("end", () => {
      if (state.done !== "") return void response.writeHead(412).end("{}");
      state.begun += 1;
      state.kept = Buffer.alloc(0);
      response.writeHead(200, { location: `${server.url}/session/${state.begun}` }).end();
    });
  });
  for (const session of [1, 2, 3, 4]) {
    server.served.set(`/session/${session}`, (request, response) => {
      void bodyOf(request).then((body) => {
        expect(request.headers.authorization).toBeUndefined();
        const [, from = "", total = ""] =
          /^bytes (\d+)-\d+\/(\d+)$/.exec(request.headers["content-range"] ?? "") ?? [];
        state.pieces += 1;
        const what = fault(state.pieces, Number(from));
        if (what === "forget") return void response.writeHead(410).end();
        const some = what === "less" ? body.subarray(0, 10) : body;
        state.kept = Buffer.concat([state.kept.subarray(0, Number(from)), some]);
        const isWhole = state.kept.length === Number(total);
        if (isWhole) state.done = sha256(state.kept);
        if (what === "lose") return void request.socket.destroy();
        if (!isWhole)
          return void response.writeHead(308, { range: `bytes=0-${state.kept.length - 1}` }).end();
        const md5Hash = createHash("md5").update(state.kept).digest("base64");
        response.writeHead(200).end(JSON.stringify({ md5Hash }));
      });
    });
  }
  server.served.set(OBJECT, (request, response) =>
    says(200, JSON.stringify(told(state.kept)))(request, response),
  );
  return state;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test.each([
  ["sends each piece once", () => null, 1, 5],
  [
    "continues where the store accepted fewer bytes than it was sent",
    (piece: number) => (piece === 2 ? "less" : null),
    1,
    6,
  ],
  ["repeats a piece whose response was lost", (piece: number) => (piece === 3 ? "lose" : null), 1, 6],
  ["restarts where the store lost the session", (piece: number) => (piece === 2 ? "forget" : null), 2, 7],
  [
    "finds its object where the last response and the session were lost",
    (piece: number, at: number) =>
      at < 4 * PIECE ? null : piece === 5 ? ("lose" as const) : ("forget" as const),
    1,
    6,
  ],
] as const)("an upload in pieces %s", async (_what, fault, begun, pieces) => {
  const bytes = Buffer.alloc(4 * PIECE + 321, "0123456789abcdefg");
  const state = takeInPieces(fault);
  await using storage = open();
  const placed = await storage.put(object, sourceOfBytes(bytes), { ifAbsent: true, signal: NEVER });
  expect(placed.sha256).toBe(sha256(state.kept));
  expect([placed.bytes, state.begun, state.pieces]).toEqual([bytes.length, begun, pieces]);
});

test("an upload in pieces fails after the store lost its session three times", async () => {
  const state = takeInPieces(() => "forget");
  await using storage = open();
  const put = storage.put(object, sourceOfBytes(Buffer.alloc(PIECE + 1)), { signal: NEVER });
  await expect(put).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
  expect(state.begun).toBe(3);
});

test("a key of only dots is refused, and no request is sent for it", async () => {
  const listed = { items: [{ name: "..", size: "1", generation: "7" }] };
  const requested = answers(LIST, says(200, JSON.stringify(listed)));
  const from = server.requests.length;
  await using storage = open();
  await expect(storage.remove(parseLocation("gs://bucket/"), NEVER)).rejects.toMatchObject({
    code: "STORE_REFUSED",
    fields: { key: ".." },
  });
  expect(requested).toHaveLength(1);
  expect(server.requests.slice(from)).toHaveLength(1);
});
