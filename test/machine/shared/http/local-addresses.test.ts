import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { HttpEngine } from "../../../../shared/http/http-engine.ts";
import { lookupElsewhere, refuseLocal } from "../../../../shared/http/local-addresses.ts";
import { createHttpStorage, openHttpStorage } from "../../../../shared/storage/http.ts";
import { startWebServer, type WebServer } from "../../../support/web-server.ts";

let server: WebServer;
let port: string;
beforeAll(async () => {
  server = await startWebServer({ "/a": Buffer.from("12345") });
  port = new URL(server.url).port;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const read = async (host: string) => {
  await using storage = createHttpStorage(new HttpEngine({ isGuarded: true }));
  return await storage.read(parseLocation(`http://${host}/a`), 0, 5, { signal: NEVER });
};

test("a guarded engine refuses local and link-local servers by any form of their address", async () => {
  for (const host of [
    `127.0.0.1:${port}`,
    `localhost:${port}`,
    `2130706433:${port}`,
    `0x7f.1:${port}`,
    `[::1]:${port}`,
    `[::ffff:127.0.0.1]:${port}`,
    `0.0.0.0:${port}`,
    "169.254.169.254",
    "[fe80::1]",
    "168.63.129.16",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "[fd20:ce::254]",
    "[fd00:c1::a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[::127.0.0.1]",
    "[::ffff:0:7f00:1]",
  ])
    await expect(read(host), host).rejects.toMatchObject({ code: "STORE_REFUSED" });
  expect(server.requests).toEqual([]);
});

test("addresses of other machines are not refused, in IPv4 or in IPv6", () => {
  for (const host of ["8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "2a00:1450:4001::1", "fd00:1234::1"])
    expect(() => refuseLocal(host), host).not.toThrow();
});

test("a proxy is not asked for a name of this machine", async () => {
  vi.stubEnv("http_proxy", server.url);
  vi.stubEnv("no_proxy", "");
  await expect(read(`localhost:${port}`)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  expect(server.requests).toEqual([]);
  vi.unstubAllEnvs();
});

test("local addresses may be read without a guard, and are refused with a hint otherwise", async () => {
  await using open = openHttpStorage(NO_STORES);
  const location = parseLocation(`${server.url}/a`);
  expect(Buffer.from(await open.read(location, 1, 3, { signal: NEVER })).toString()).toBe("23");
  await using guarded = openHttpStorage({ ...NO_STORES, isGuarded: true });
  await expect(guarded.read(location, 1, 3, { signal: NEVER })).rejects.toMatchObject({
    hint: expect.stringContaining("--allow-local-addresses"),
  });
});

test("lookupElsewhere returns the address of another machine unchanged", async () => {
  const found = await new Promise((resolve) => {
    lookupElsewhere("192.0.2.7", {}, (error, address, family) => resolve([error, address, family]));
  });
  expect(found).toEqual([null, "192.0.2.7", 4]);
});
