import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { HttpEngine } from "../../../../shared/http/http-engine.ts";
import { createHttpStorage } from "../../../../shared/storage/http.ts";
import type { Storage } from "../../../../shared/storage/storage.ts";
import { type Served, startWebServer, type WebServer } from "../../../support/web-server.ts";

const bytes = Uint8Array.from({ length: 1_000 }, (_, at) => at % 251);
let server: WebServer;
let storage: Storage;
beforeAll(async () => {
  server = await startWebServer({ "/a.bin": bytes });
  // Waits end at once. The test of the backoff covers their length.
  const timers = {
    after(_ms: number, act: () => void) {
      act();
      return () => {};
    },
  };
  storage = createHttpStorage(new HttpEngine({ timers, idleMs: 500 }));
});
beforeEach(() => void server.requests.splice(0));
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const at = (path: string) => parseLocation(`${server.url}${path}`);
const serve = (path: string, served: Served) => server.served.set(path, served);
const read = (path: string, start = 0, end = 1_000) => storage.read(at(path), start, end, { signal: NEVER });

test("a read requests only its range", async () => {
  expect(await read("/a.bin", 10, 20)).toEqual(bytes.slice(10, 20));
  expect(server.requests).toEqual(["GET /a.bin bytes=10-19"]);
});

test("a busy, broken or silent server is asked again, and given up after six attempts", async () => {
  let requested = 0;
  const whole = { "content-range": "bytes 0-999/1000", "content-length": 1_000 };
  // A later answer begins after the received bytes.
  const rest = { "content-range": "bytes 1-999/1000", "content-length": 999 };
  serve("/busy", (_request, response) => {
    requested += 1;
    if (requested === 1) return void response.writeHead(503).end();
    if (requested === 2)
      return void response.writeHead(206, whole).write(bytes.subarray(0, 1), () => response.destroy());
    if (requested === 3) return;
    response.writeHead(206, rest).end(bytes.subarray(1));
  });
  expect(await read("/busy")).toEqual(bytes);
  expect(requested).toBe(4);
  serve("/down", (_request, response) => void response.writeHead(500).end());
  await expect(read("/down")).rejects.toMatchObject({
    code: "STORE_FAILED",
    message: `${server.url}/down answers 500`,
  });
  expect(server.requests.filter((request) => request.includes("/down"))).toHaveLength(6);
});

test("at most five redirects are followed, and only to web addresses", async () => {
  const to =
    (location: string): Served =>
    (_request, response) =>
      void response.writeHead(302, { location }).end();
  serve("/moved", to("/a.bin"));
  expect(await read("/moved", 5, 9)).toEqual(bytes.slice(5, 9));
  serve("/round", to("/round"));
  await expect(read("/round")).rejects.toMatchObject({ code: "STORE_REFUSED", message: /more than 5 times/ });
  serve("/odd", to("file:///etc/passwd"));
  await expect(read("/odd")).rejects.toMatchObject({ code: "STORE_REFUSED" });
});

test("a server without ranges may send the whole file, and a compressed or wrong range is refused", async () => {
  serve(
    "/whole",
    (_request, response) => void response.writeHead(200, { "content-length": 1_000 }).end(bytes),
  );
  expect(await storage.stat(at("/whole"), NEVER)).toEqual({ bytes: 1_000, version: "1000 bytes" });
  expect(await read("/whole")).toEqual(bytes);
  expect(await read("/whole", 3, 7)).toEqual(bytes.slice(3, 7));
  serve(
    "/packed",
    (_request, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(bytes),
  );
  await expect(read("/packed")).rejects.toMatchObject({ code: "STORE_FAILED", message: /packed \(gzip\)/ });
  serve(
    "/other",
    (_request, response) => void response.writeHead(206, { "content-range": "bytes 0-999/2000" }).end(bytes),
  );
  await expect(read("/other", 500, 1_500)).rejects.toMatchObject({
    code: "STORE_FAILED",
    message: /another range/,
  });
});

test("an endless file of a server without ranges is refused before memory is full", async () => {
  const megabyte = new Uint8Array(1 << 20);
  serve("/endless", (_request, response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write(megabyte));
    };
    response.on("drain", more);
    more();
  });
  await expect(storage.stat(at("/endless"), NEVER)).rejects.toMatchObject({
    code: "STORE_REFUSED",
    message: /sends more than 512/,
  });
});

test("an empty file has no bytes", async () => {
  serve("/empty", new Uint8Array(0));
  expect(await storage.stat(at("/empty"), NEVER)).toMatchObject({ bytes: 0 });
  expect(await storage.read(at("/empty"), 0, 0, { signal: NEVER })).toEqual(new Uint8Array(0));
});

test("the query of an address is in no message", async () => {
  await expect(storage.stat(at("/none?signature=hunter2"), NEVER)).rejects.toMatchObject({
    code: "STORE_NOT_FOUND",
    message: `${server.url}/none?... is not there (404)`,
    fields: { path: `${server.url}/none?...` },
  });
});
