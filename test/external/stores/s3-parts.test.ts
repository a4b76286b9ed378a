import { afterAll, beforeAll, expect, test } from "vitest";
import { placeOf } from "../../../extensions/object-store/object-place.ts";
import { createObjectStorage } from "../../../extensions/object-store/object-storage.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { sha256 } from "../../../shared/core/digest.ts";
import { type Location, parseLocation } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { type FaultyProxy, type ProxyFault, startFaultyProxy } from "../../support/faulty-proxy.ts";
import { lcg } from "../../support/onnx-model.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";

/** Objects that are put and copied in parts, like those above 5 GiB, but with the smallest possible sizes. */

const MIB = 1 << 20;
/** Smallest size that stores accept for a part before the last. */
const SIZES = { mostWholeBytes: 5 * MIB, partBytes: 5 * MIB, mostCopiedBytes: 5 * MIB };
const large = Buffer.alloc(12 * MIB + 345, "0123456789abcdef-");

let server: S3Server;
let storage: Storage;
let proxy: FaultyProxy;
let proxied: Storage;
let faultOf: (method: string, path: string) => ProxyFault | null = () => null;
beforeAll(async () => {
  server = await startS3Server();
  await server.makeBucket("bucket");
  storage = createObjectStorage(server.client(SIZES));
  const endpoint = server.settings.endpoint ?? new URL("http://none");
  proxy = await startFaultyProxy(endpoint, (method, path) => faultOf(method, path));
  proxied = createObjectStorage(server.client(SIZES, proxy.endpoint));
});
afterAll(async () => {
  for (const each of [storage, proxied, proxy, server]) await each[Symbol.asyncDispose]();
});

const at = (key: string): Location => parseLocation(`s3://bucket/${key}`);

test("a multipart object is put once, whole, and with the sha256 of its bytes", async () => {
  const placed = await storage.put(at("a"), sourceOfBytes(large), { ifAbsent: true, signal: NEVER });
  expect(placed).toEqual({ bytes: large.length, sha256: sha256(large) });
  expect(sha256(await server.kept("bucket", "a"))).toBe(placed.sha256);
  expect(await storage.checksums?.of(at("a"), NEVER)).toEqual(placed);
  using client = server.client();
  expect((await client.head(placeOf(at("a")), NEVER)).checksum).toMatch(/-3$/);
  const other = storage.put(at("a"), sourceOfBytes(Buffer.alloc(large.length)), {
    ifAbsent: true,
    signal: NEVER,
  });
  await expect(other).rejects.toMatchObject({ code: "STORE_EXISTS" });
  expect(await storage.put(at("a"), sourceOfBytes(large), { ifAbsent: true, signal: NEVER })).toEqual(placed);
});

test("one of several concurrent multipart puts of an object succeeds, and its object is whole", async () => {
  const all = ["a", "b", "c"].map((letter) => Buffer.alloc(6 * MIB, letter));
  const puts = all.map((each) =>
    storage.put(at("raced"), sourceOfBytes(each), { ifAbsent: true, signal: NEVER }),
  );
  const outcomes = await Promise.allSettled(puts);
  const won = all.filter((_, index) => outcomes[index]?.status === "fulfilled");
  expect(won).toHaveLength(1);
  expect(sha256(await server.kept("bucket", "raced"))).toBe(sha256(won[0] ?? ""));
});

test("bytes with a wrong sha256 make no object", async () => {
  const wrong = { ifAbsent: true, sha256: sha256("another"), signal: NEVER };
  await expect(storage.put(at("wrong"), sourceOfBytes(large), wrong)).rejects.toMatchObject({
    code: "STORE_FAILED",
  });
  expect(await storage.kindAt(at("wrong"), NEVER)).toBeNull();
});

test("a copied multipart object keeps its sha256", async () => {
  await storage.put(at("from"), sourceOfBytes(large), { signal: NEVER });
  await storage.copy(at("from"), at("copied"), NEVER);
  expect(await storage.checksums?.of(at("copied"), NEVER)).toEqual({
    bytes: large.length,
    sha256: sha256(large),
  });
});

test("an object that is too large for one copy request is copied in parts, over an existing object", async () => {
  await storage.put(at("from"), sourceOfBytes(large), { signal: NEVER });
  await storage.put(at("parts"), sourceOfBytes("something else"), { signal: NEVER });
  faultOf = (method, path) => (method === "PUT" && path === "/bucket/parts" ? "large" : null);
  await proxied.copy(at("from"), at("parts"), NEVER);
  expect(proxy.struck.get("large")).toBe(1);
  expect(sha256(await server.kept("bucket", "parts"))).toBe(sha256(large));
  // This server returns no checksums of copied parts, so the object is read.
  expect(await storage.checksums?.of(at("parts"), NEVER)).toBeNull();
  const missing = proxied.copy(at("nothing"), at("parts"), NEVER);
  await expect(missing).rejects.toMatchObject({ code: expect.stringMatching(/^STORE_/) });
});

test("a copy whose response is lost is not repeated, and one whose request is lost is repeated", async () => {
  await storage.put(at("from"), sourceOfBytes(large), { signal: NEVER });
  const requested: string[] = [];
  faultOf = (method, path) => {
    requested.push(`${method} ${path}`);
    return requested.length === 1 ? "lost" : null;
  };
  await proxied.copy(at("from"), at("once"), NEVER);
  expect(requested.filter((each) => each === "PUT /bucket/once")).toHaveLength(1);
  expect(sha256(await server.kept("bucket", "once"))).toBe(sha256(large));
  // A request that had no effect is repeated.
  requested.length = 0;
  faultOf = (method, path) => {
    requested.push(`${method} ${path}`);
    return requested.length === 1 ? "cut" : null;
  };
  await proxied.copy(at("from"), at("twice"), NEVER);
  expect(requested.filter((each) => each === "PUT /bucket/twice")).toHaveLength(2);
  expect(sha256(await server.kept("bucket", "twice"))).toBe(sha256(large));
});

let folders = 0;

test.each([
  "late",
  // Like a store that refuses a part before reading it: its answer often does not arrive.
  "cut",
] as const)(
  "uploads below a folder are aborted, others stay, and an active one restarts (%s)",
  async (fault) => {
    const job = `job-${folders++}`;
    faultOf = (method, path) => {
      if (!path.includes("uploadId")) return null;
      // The client's process has exited, so no request ends the upload.
      return method === "DELETE" || path.includes("partNumber=2") ? "large" : null;
    };
    for (const key of [`${job}/rows/a`, `${job}/rows-of-others/a`, `${job}/rows/b/c`])
      await expect(proxied.put(at(key), sourceOfBytes(large), { signal: NEVER })).rejects.toThrow();
    const begunThere = async () =>
      (await server.uploads("bucket")).filter((key) => key.startsWith(`${job}/`));
    expect(await begunThere()).toEqual([`${job}/rows-of-others/a`, `${job}/rows/a`, `${job}/rows/b/c`]);
    let begun = 0;
    let removing: Promise<void> | null | undefined = null;
    faultOf = (_method, path) => {
      if (/\?uploads=?$/.test(path)) begun += 1;
      if (begun > 1 || !path.includes("partNumber=")) return null;
      removing ??= storage.removeUploads?.(at(`${job}/rows`), NEVER);
      return fault;
    };
    await proxied.put(at(`${job}/rows/living`), sourceOfBytes(large), { ifAbsent: true, signal: NEVER });
    await removing;
    expect(begun).toBe(2);
    expect(sha256(await server.kept("bucket", `${job}/rows/living`))).toBe(sha256(large));
    expect(await begunThere()).toEqual([`${job}/rows-of-others/a`]);
  },
);

test("lost, duplicated, late and refused responses do not change an object", async () => {
  const random = lcg(3);
  const faults = ["busy", "lost", "twice", "late"] as const;
  faultOf = () => (random() < 0.3 ? (faults[Math.floor(random() * faults.length)] ?? null) : null);
  for (let round = 0; round < 8; round += 1) {
    const bytes = Buffer.alloc(7 * MIB, `round ${round}`);
    const placed = await proxied.put(at(`faulty-${round}`), sourceOfBytes(bytes), {
      ifAbsent: true,
      signal: NEVER,
    });
    expect(placed.sha256).toBe(sha256(bytes));
    expect(sha256(await server.kept("bucket", `faulty-${round}`))).toBe(placed.sha256);
    expect(await storage.checksums?.of(at(`faulty-${round}`), NEVER)).toEqual(placed);
  }
  for (const fault of faults) expect(proxy.struck.get(fault)).toBeGreaterThan(0);
});
