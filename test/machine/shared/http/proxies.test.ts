import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { createProxy, type ProxyServer } from "proxy";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { HttpEngine } from "../../../../shared/http/http-engine.ts";
import { createHttpStorage } from "../../../../shared/storage/http.ts";
import { makeCertificate } from "../../../support/certificate.ts";
import { startWebServer, type WebServer } from "../../../support/web-server.ts";

const bytes = Uint8Array.from({ length: 1_000 }, (_, at) => at % 251);
const { key, cert } = await makeCertificate();
let proxy: ProxyServer;
let proxyUrl: string;
/** Requests at the proxy: `GET http://...` and `CONNECT host:port`. */
let requested: string[];
let plain: WebServer;
let secure: WebServer;
beforeEach(async () => {
  [plain, secure] = await Promise.all([
    startWebServer({ "/a.bin": bytes }),
    startWebServer({ "/a.bin": bytes }, { key, cert }),
  ]);
  requested = [];
  proxy = createProxy();
  proxy.prependListener("request", ({ method, url }) => void requested.push(`${method} ${url}`));
  proxy.prependListener("connect", ({ method, url }) => void requested.push(`${method} ${url}`));
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  for (const name of ["http_proxy", "https_proxy", "all_proxy", "no_proxy"])
    for (const variable of [name, name.toUpperCase()]) vi.stubEnv(variable, "");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  await Promise.all([plain[Symbol.asyncDispose](), secure[Symbol.asyncDispose]()]);
});

/** @param idleMs long, so that a busy machine repeats no request */
async function read(url: string, idleMs = 60_000): Promise<Uint8Array> {
  const timers = {
    after(_ms: number, act: () => void) {
      act();
      return () => {};
    },
  };
  await using storage = createHttpStorage(new HttpEngine({ caOf: () => cert, idleMs, timers }));
  return await storage.read(parseLocation(`${url}/a.bin`), 10, 20, { signal: NEVER });
}

test("files are read through the proxy for their scheme, and https uses a tunnel", async () => {
  vi.stubEnv("HTTP_PROXY", proxyUrl);
  expect(await read(plain.url)).toEqual(bytes.slice(10, 20));
  expect(await read(secure.url)).toEqual(bytes.slice(10, 20));
  expect(requested).toEqual([`GET ${plain.url}/a.bin`]);
  vi.stubEnv("https_proxy", proxyUrl);
  expect(await read(secure.url)).toEqual(bytes.slice(10, 20));
  expect(requested.slice(1)).toEqual([`CONNECT ${new URL(secure.url).host}`]);
});

test("a host in NO_PROXY is read without a proxy", async () => {
  vi.stubEnv("ALL_PROXY", proxyUrl);
  vi.stubEnv("NO_PROXY", "example.test,127.0.0.1");
  expect(await read(plain.url)).toEqual(bytes.slice(10, 20));
  expect(await read(secure.url)).toEqual(bytes.slice(10, 20));
  expect(requested).toEqual([]);
});

test("credentials are sent to a proxy that requires them, and never appear in messages", async () => {
  proxy.authenticate = ({ headers }) =>
    headers["proxy-authorization"] === `Basic ${Buffer.from("me:hunter2").toString("base64")}`;
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY"]) vi.stubEnv(name, proxyUrl.replace("//", "//me:hunter2@"));
  expect(await read(plain.url)).toEqual(bytes.slice(10, 20));
  expect(await read(secure.url)).toEqual(bytes.slice(10, 20));
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY"]) vi.stubEnv(name, proxyUrl.replace("//", "//me:hunter3@"));
  for (const url of [plain.url, secure.url]) {
    const refused = await read(url).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "STORE_REFUSED",
      fields: { status: 407, variable: "HTTPS_PROXY" },
    });
    expect(JSON.stringify([refused, String(refused)])).not.toContain("hunter");
  }
});

test("an unsupported or invalid proxy is refused, not bypassed", async () => {
  for (const wrong of ["socks5://me:hunter2@127.0.0.1:1", "http://me:hunter2@:x"]) {
    vi.stubEnv("ALL_PROXY", wrong);
    const refused = await read(plain.url).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "STORE_REFUSED", fields: { variable: "HTTPS_PROXY" } });
    expect(JSON.stringify([refused, String(refused)])).not.toContain("hunter");
  }
});

test("a missing or silent proxy is retried, and its password is not shown", async () => {
  const dead = createServer((socket) => void socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => dead.listen(0, "127.0.0.1", resolve));
  const { port } = dead.address() as AddressInfo;
  const silent = `http://me:hunter2@127.0.0.1:${port}`;
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY"]) vi.stubEnv(name, silent);
  for (const url of [plain.url, secure.url]) {
    const failed = await read(url, 200).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "STORE_FAILED", fields: { tries: 6 } });
    expect(JSON.stringify([failed, String(failed)])).not.toContain("hunter");
  }
  // The engine closed its connections. Otherwise this would wait for ever.
  await new Promise((resolve) => dead.close(resolve));
  await expect(read(secure.url)).rejects.toMatchObject({ code: "STORE_FAILED", fields: { tries: 6 } });
});

test("a proxy that refuses connections is named by its address, without its password", async () => {
  const { port } = new URL(proxyUrl);
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  vi.stubEnv("HTTP_PROXY", `http://me:hunter2@127.0.0.1:${port}`);
  const failure = await read(plain.url).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: "STORE_FAILED",
    message: expect.stringContaining(`cannot be reached by the proxy 127.0.0.1:${port} of HTTPS_PROXY`),
    fields: { proxy: `127.0.0.1:${port}`, variable: "HTTPS_PROXY" },
  });
  expect(JSON.stringify(failure)).not.toContain("hunter2");
  proxy = createProxy();
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
});

test("a host within a network of NO_PROXY is read without a proxy", async () => {
  vi.stubEnv("HTTP_PROXY", proxyUrl);
  vi.stubEnv("NO_PROXY", "10.0.0.0/8,127.0.0.0/8");
  expect(await read(plain.url)).toEqual(bytes.slice(10, 20));
  expect(requested).toEqual([]);
});
