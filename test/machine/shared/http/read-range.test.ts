import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { judgedByStatus } from "../../../../shared/http/failures.ts";
import { HttpEngine } from "../../../../shared/http/http-engine.ts";
import { readRange, type WantedRange } from "../../../../shared/http/read-range.ts";
import { type Fault, faultyFile } from "../../../support/faulty-file.ts";
import { type ServeCall, type Served, startWebServer, type WebServer } from "../../../support/web-server.ts";

const bytes = Uint8Array.from({ length: 5_000 }, (_, at) => (at * 7) % 251);
let server: WebServer;
beforeAll(async () => {
  server = await startWebServer({});
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Timers that fire at once. The test of retries covers their length. */
const atOnce = {
  after(_ms: number, act: () => void) {
    act();
    return () => {};
  },
};

type Range = Pick<WantedRange, "start" | "end"> & Partial<Pick<WantedRange, "version" | "whole">>;

/** @param idleMs silence after which a connection is given up */
async function read(served: Served, range: Range = { start: 0, end: 5_000 }, signal = NEVER, idleMs = 400) {
  // A separate engine, because failing reads use up the budget of retries.
  using engine = new HttpEngine({ timers: atOnce, idleMs });
  server.served.set("/file", served);
  const wanted: WantedRange = {
    whole: "refuse",
    ...range,
    path: "the file",
    request: (headers) => ({ method: "GET", url: new URL(`${server.url}/file`), headers }),
    judge: (answer) => judgedByStatus("the file", answer),
  };
  return await readRange(engine, wanted, signal);
}

const answer =
  (status: number, headers: Record<string, string | number>, body: Uint8Array = bytes): ServeCall =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);

const FAULT = fc.oneof(
  fc.record({ kind: fc.constant("status" as const), status: fc.constantFrom(408, 429, 500, 502, 503, 504) }),
  fc.record({ kind: fc.constant("reset" as const) }),
  fc.record({ kind: fc.constantFrom("resetInBody" as const, "cutInBody" as const), after: fc.nat(5_000) }),
  fc.record({ kind: fc.constant("lessThanAsked" as const), bytes: fc.integer({ min: 1, max: 5_000 }) }),
);

/** Returns the least and the most place up to which a request for `[start, end)` with a fault got bytes. */
function received(fault: Fault | undefined, start: number, end: number): readonly [number, number] {
  switch (fault?.kind) {
    case "cutInBody": {
      const sent = Math.max(start, Math.min(end - 1, start + fault.after));
      return [sent, sent];
    }
    // A reset may drop bytes that were sent.
    case "resetInBody":
      return [start, Math.max(start, Math.min(end - 1, start + fault.after))];
    case "lessThanAsked":
      return [start + fault.bytes, start + fault.bytes];
    default:
      return [start, start];
  }
}

test("after temporary faults, a range has the bytes of the file, and none is requested again after it arrived", async () => {
  const ends = fc
    .tuple(fc.nat(4_999), fc.integer({ min: 1, max: 5_000 }))
    .filter(([start, end]) => start < end);
  await fc.assert(
    fc.asyncProperty(ends, fc.array(FAULT, { maxLength: 5 }), async ([start, end], faults) => {
      const file = faultyFile(bytes, faults);
      const got = await read(file.serve, { start, end }, NEVER, 60_000);
      expect(Buffer.compare(got.bytes, bytes.subarray(start, end))).toBe(0);
      expect(got).toMatchObject({ version: '"5000"', totalBytes: 5_000 });
      // A retry continues after the received bytes, and never requests more than the range.
      const starts = file.ranges.map((range) => Number(/^bytes=(\d+)-/.exec(range)?.[1]));
      for (const [at, next] of starts.slice(1).entries()) {
        const [least, most] = received(faults[at], starts[at] ?? 0, end);
        expect(next).toBeGreaterThanOrEqual(least);
        expect(next).toBeLessThanOrEqual(most);
      }
      expect(starts[0]).toBe(start);
      expect(file.ranges.every((range) => range.endsWith(`-${end - 1}`))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("a silent connection is given up before or during the response, and received bytes are kept", async () => {
  const faults: Fault[] = [{ kind: "silence" }, { kind: "silenceInBody", after: 2_000 }];
  const file = faultyFile(bytes, faults);
  expect((await read(file.serve)).bytes).toEqual(bytes);
  expect(file.ranges).toEqual(["bytes=0-4999", "bytes=0-4999", "bytes=2000-4999"]);
});

test("attempts that make progress are not counted, even if the connection breaks 90 times", async () => {
  const broken = Array.from({ length: 90 }, (): Fault => ({ kind: "cutInBody", after: 50 }));
  const file = faultyFile(bytes, broken);
  expect((await read(file.serve)).bytes).toEqual(bytes);
  expect(file.left).toEqual([]);
});

test("a server that always fails is asked six times", async () => {
  const file = faultyFile(
    bytes,
    Array.from({ length: 50 }, (): Fault => ({ kind: "status", status: 500 })),
  );
  await expect(read(file.serve)).rejects.toMatchObject({
    code: "STORE_FAILED",
    fields: { path: "the file", tries: 6 },
  });
  expect(file.ranges).toHaveLength(6);
});

test("a file of another version is refused, whether or not the server checks the version", async () => {
  const requested: (string | undefined)[] = [];
  const looks: Served = (request, response) => {
    requested.push(request.headers["if-match"]);
    response.writeHead(412).end();
  };
  const changed = { code: "STORE_CHANGED", fields: { path: "the file", expected: '"old"' } };
  await expect(read(looks, { start: 0, end: 10, version: '"old"' })).rejects.toMatchObject(changed);
  expect(requested).toEqual(['"old"']);
  const looksNot = faultyFile(bytes, []).serve;
  await expect(read(looksNot, { start: 0, end: 10, version: '"old"' })).rejects.toMatchObject(changed);
  // A request cannot state a weak tag or a size, so they are compared here.
  for (const version of ['W/"old"', "4999 bytes"])
    await expect(read(looksNot, { start: 0, end: 10, version })).rejects.toMatchObject({
      code: "STORE_CHANGED",
    });
});

test("a file that changes between two parts of a range fails with STORE_CHANGED", async () => {
  const first = faultyFile(bytes, [{ kind: "cutInBody", after: 100 }]);
  const conditions: (string | undefined)[] = [];
  const changing: Served = (request, response) => {
    conditions.push(request.headers["if-match"]);
    if (first.left.length > 0) first.serve(request, response);
    else answer(206, { "content-range": "bytes 100-4999/5000", etag: '"new"' })(request, response);
  };
  await expect(read(changing)).rejects.toMatchObject({
    code: "STORE_CHANGED",
    fields: { expected: '"5000"', found: '"new"' },
  });
  expect(conditions).toEqual([undefined, '"5000"']);
});

test.each<[string, string, Served]>([
  ["another range", "another range", answer(206, { "content-range": "bytes 10-5009/9000" })],
  ["an earlier range", "another range", answer(206, { "content-range": "bytes 0-999/9000" })],
  ["a larger range", "another range", answer(206, { "content-range": "bytes 100-5999/9000" })],
  ["no range", "another range", answer(206, {})],
  ["several ranges", "another range", answer(206, { "content-type": "multipart/byteranges; boundary=x" })],
  [
    "a length that differs from its range",
    "a length that its range does not have",
    answer(206, { "content-range": "bytes 100-999/5000", "content-length": 5_000 }),
  ],
  [
    "more bytes than its range",
    "sends more than its range",
    answer(206, { "content-range": "bytes 100-999/5000", "transfer-encoding": "chunked" }),
  ],
  [
    "compressed bytes",
    "compressed (gzip)",
    answer(206, { "content-range": "bytes 100-4999/5000", "content-encoding": "gzip" }),
  ],
  ["the whole file", "the whole file", answer(200, {})],
  ["status 416 and no size", "416 without its size", answer(416, {})],
])("a response with %s is refused and not retried", async (_what, says, served) => {
  const before = server.requests.length;
  await expect(read(served, { start: 100, end: 5_000 })).rejects.toMatchObject({
    code: "STORE_FAILED",
    message: expect.stringContaining(says),
  });
  expect(server.requests.length - before).toBe(1);
});

test("a body that is shorter than its content-length is retried, and given up after six attempts", async () => {
  const lying: Served = (_request, response) => {
    response.writeHead(206, { "content-range": "bytes 0-4999/5000", "content-length": 5_000 });
    response.write(bytes.subarray(0, 0), () => response.destroy());
  };
  await expect(read(lying)).rejects.toMatchObject({ code: "STORE_FAILED", fields: { tries: 6 } });
});

test("bytes after the end of a response do not count as bytes of the file", async () => {
  const chatty: Served = (request) => {
    const head = "HTTP/1.1 206 x\r\ncontent-range: bytes 0-3/5000\r\ncontent-length: 4\r\n\r\n";
    request.socket.write(Buffer.concat([Buffer.from(head), bytes.subarray(0, 4)]));
    setTimeout(() => request.socket.write("more"), 20);
  };
  for (let time = 0; time < 3; time += 1)
    expect((await read(chatty, { start: 0, end: 4 })).bytes).toEqual(bytes.slice(0, 4));
  const atOnceMore: Served = (request) => {
    const head = "HTTP/1.1 206 x\r\ncontent-range: bytes 0-3/5000\r\ncontent-length: 4\r\n\r\n";
    request.socket.write(Buffer.concat([Buffer.from(head), bytes.subarray(0, 4), Buffer.from("more")]));
  };
  await expect(read(atOnceMore, { start: 0, end: 4 })).rejects.toMatchObject({ code: "STORE_FAILED" });
});

test("a range after the end of the file has no bytes, and gives the size of the file", async () => {
  const got = await read(faultyFile(bytes, []).serve, { start: 6_000, end: 6_001 });
  expect(got).toEqual({ bytes: new Uint8Array(0), version: "5000 bytes", totalBytes: 5_000 });
});

test("a server without ranges is read no further than needed", async () => {
  let sent = 0;
  const endless: Served = (_request, response) => {
    response.writeHead(200, { "content-length": 1 << 30 });
    const more = () => {
      while (!response.destroyed && response.write(bytes)) sent += bytes.length;
    };
    response.on("drain", more);
    more();
  };
  const got = await read(endless, { start: 10, end: 20, whole: "take" });
  expect(got).toMatchObject({ bytes: bytes.slice(10, 20), totalBytes: 1 << 30 });
  expect(sent).toBeLessThan(64 << 20);
});

test("an abort ends a read in the middle of a body, with its reason", async () => {
  const reason = new Error("enough");
  const abort = new AbortController();
  const slow: Served = (_request, response) => {
    response
      .writeHead(206, { "content-range": "bytes 0-4999/5000" })
      .write(bytes.subarray(0, 10), () => abort.abort(reason));
  };
  await expect(read(slow, { start: 0, end: 5_000 }, abort.signal)).rejects.toBe(reason);
});
