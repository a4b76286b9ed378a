import { afterAll, beforeAll, expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { readRowFile } from "../../../shared/storage/row-file.ts";
import { error, type FaultyS3, range, says, startFaultyS3 } from "../../support/faulty-s3.ts";
import type { ServeCall } from "../../support/web-server.ts";

/** Refusals of a store, with their reasons and remedies, and unusable keys. */

let store: FaultyS3;
const answers: FaultyS3["answers"] = (path, ...calls) => store.answers(path, ...calls);
const open = () => store.open();
beforeAll(async () => {
  store = await startFaultyS3();
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

const object = parseLocation("s3://bucket/a.bin");
const text = async (read: Promise<Uint8Array>) => Buffer.from(await read).toString();

test("a HEAD request answered with 400 renews credentials only if a GET request reports them as rejected", async () => {
  const there = says(200, "", { etag: '"e"', "content-length": "10" });
  const keys = answers("/bucket/a.bin", says(400), says(400, error("ExpiredToken")), range, there);
  await using storage = open().storage;
  expect(await storage.stat(object, NEVER)).toEqual({ bytes: 10, version: '"e"' });
  expect(keys).toEqual(["KEY1", "KEY1", "KEY2", "KEY2"]);
  const other = open();
  answers("/bucket/a.bin", says(400, error("KeyTooLongError")));
  await expect(other.storage.stat(object, NEVER)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  expect(other.requested()).toBe(1);
  await other.storage[Symbol.asyncDispose]();
});

test("a wrong clock is corrected by the date of the store", async () => {
  const dates: string[] = [];
  const skewed: ServeCall = (request, response) => {
    const date = String(request.headers["x-amz-date"]);
    dates.push(date);
    if (dates.length > 1) return range(request, response);
    response.writeHead(403, { date: "Thu, 01 Jan 2037 12:00:00 GMT" }).end(error("RequestTimeTooSkewed"));
  };
  answers("/bucket/a.bin", skewed);
  await using storage = open().storage;
  expect(await text(storage.read(object, 0, 5, { signal: NEVER }))).toBe("01234");
  expect(dates[1]).toMatch(/^20370101T12000/);
});

test("a wrong clock is corrected when the first request is a HEAD request", async () => {
  const dates: string[] = [];
  answers("/bucket/a.bin", (request, response) => {
    const date = String(request.headers["x-amz-date"]);
    dates.push(`${request.method} ${date.slice(0, 4)}`);
    if (!date.startsWith("2037"))
      response.writeHead(403, { date: "Thu, 01 Jan 2037 12:00:00 GMT" }).end(error("RequestTimeTooSkewed"));
    else if (request.method === "GET") range(request, response);
    else response.writeHead(200, { etag: '"e"', "content-length": "10" }).end();
  });
  await using storage = open().storage;
  expect(await storage.stat(object, NEVER)).toEqual({ bytes: 10, version: '"e"' });
  expect(dates.map((date) => date.replace(/20[0-2]\d/, "now"))).toEqual([
    "HEAD now",
    "GET now",
    "GET 2037",
    "HEAD 2037",
  ]);
});

test("a redirect without a region is refused with a hint", async () => {
  answers("/bucket/a.bin", says(307, error("TemporaryRedirect")));
  const { storage, requested } = open();
  await expect(storage.read(object, 0, 5, { signal: NEVER })).rejects.toMatchObject({
    code: "STORE_REFUSED",
    fields: { status: 307, reason: "TemporaryRedirect" },
    hint: expect.stringContaining("set AWS_REGION to the region of the new bucket"),
  });
  expect(requested()).toBe(1);
  await storage[Symbol.asyncDispose]();
});

test("an unsupported request is sent once, and fails with the message of the store", async () => {
  let requested = 0;
  answers("/bucket/a.bin", (request, response) => {
    requested += 1;
    says(501, error("NotImplemented"))(request, response);
  });
  await using storage = open().storage;
  await expect(storage.put(object, sourceOfBytes("x"), { signal: NEVER })).rejects.toMatchObject({
    code: "STORE_FAILED",
    fields: { reason: "NotImplemented" },
    message: "s3://bucket/a.bin answers NotImplemented (501): said hunter2-free",
  });
  expect(requested).toBe(1);
});

test("a listed key that leads outside its folder is refused, and nothing is removed", async () => {
  const odd = "out/_work/%01/../../../precious/data.parquet";
  const listed = `<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>${odd}</Key><Size>1</Size></Contents></ListBucketResult>`;
  answers("/bucket/", (_request, response) => void response.end(listed));
  const from = store.server.requests.length;
  await using storage = open().storage;
  await expect(storage.remove(parseLocation("s3://bucket/out/_work/"), NEVER)).rejects.toMatchObject({
    code: "STORE_REFUSED",
    fields: { key: decodeURIComponent(odd) },
  });
  expect(store.server.requests.slice(from).filter((request) => !request.startsWith("GET"))).toEqual([]);
});

test.each(["..", "a/../../other/key", "./x"])("no request is sent for the key %s", async (key) => {
  using client = store.client(async () => ({ accessKeyId: "KEY", secretAccessKey: "hunter2" }));
  const from = store.server.requests.length;
  const place = { bucket: "bucket", key, path: `s3://bucket/${key}` };
  await expect(client.remove(place, NEVER)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  expect(store.server.requests.length).toBe(from);
});

test("a key that cannot be a location is listed with the reason", async () => {
  answers(
    "/bucket/",
    says(
      200,
      "<ListBucketResult><Contents><Key>a/..</Key><Size>1</Size></Contents><CommonPrefixes><Prefix>a//</Prefix></CommonPrefixes></ListBucketResult>",
    ),
  );
  await using storage = open().storage;
  for await (const page of storage.list(parseLocation("s3://bucket/a"), { signal: NEVER }))
    expect(page.map(({ kind, unnameable }) => [kind, unnameable])).toEqual([
      ["file", { shown: "../", why: "a part of its key is empty or consists of dots" }],
      ["folder", { shown: "(no name)/", why: "a part of its key is empty or consists of dots" }],
    ]);
});

test.each([
  ["BadDigest", true],
  ["XAmzContentChecksumMismatch", true],
  ["InvalidArgument", false],
  ["EntityTooSmall", false],
])("a refusal with %s shows support for digest checks: %s", async (code, expected) => {
  const keys = answers("/bucket/a.bin", says(400, error("ExpiredToken")), says(400, error(code)));
  using client = store.client(async () => ({ accessKeyId: "KEY", secretAccessKey: "hunter2" }));
  const place = { bucket: "bucket", key: "a.bin", path: object };
  expect(await client.refusesOtherBytes(place, NEVER)).toBe(expected);
  expect(keys).toHaveLength(2);
});

test.each([
  ["InvalidAccessKeyId", 403, "AWS_ACCESS_KEY_ID"],
  ["SignatureDoesNotMatch", 403, "AWS_SECRET_ACCESS_KEY"],
  ["ExpiredToken", 400, "AWS_SESSION_TOKEN"],
  ["InvalidToken", 400, "AWS_SESSION_TOKEN"],
])("%s for the file of a row is thrown as a fault of the machine", async (code, status, variable) => {
  answers("/bucket/a.bin", (request, response) => {
    response.writeHead(status).end(request.method === "HEAD" ? "" : error(code));
  });
  const { storage } = open();
  await using storages = new Storages({ s3: async () => storage });
  const wanted = { folder: parseLocation("/photos"), maxBytes: 100, signal: NEVER };
  await expect(readRowFile(storages, object, wanted)).rejects.toMatchObject({
    code: "STORE_REFUSED",
    fields: { reason: code, variable },
  });
});

test("AccessDenied for the file of a row refuses only this row", async () => {
  answers("/bucket/a.bin", (request, response) => {
    response.writeHead(403).end(request.method === "HEAD" ? "" : error("AccessDenied"));
  });
  const { storage } = open();
  await using storages = new Storages({ s3: async () => storage });
  const wanted = { folder: parseLocation("/photos"), maxBytes: 100, signal: NEVER };
  expect(await readRowFile(storages, object, wanted)).toMatchObject({ kind: "refused" });
});

test("a long message of a store is shortened", async () => {
  answers("/bucket/a.bin", says(400, error("InvalidArgument", "x".repeat(50_000))));
  await using storage = open().storage;
  const refused = await storage.read(object, 0, 5, { signal: NEVER }).catch((thrown: unknown) => thrown);
  expect(refused).toMatchObject({ fields: { reason: "InvalidArgument" } });
  expect(String(refused).length).toBeLessThan(2_000);
});

test("an empty page that is not the last is followed by the next page", async () => {
  const left = new Set(["a/x"]);
  store.server.served.set("/bucket/", (request, response) => {
    if (request.method === "POST") {
      left.clear();
      return void request.resume().on("end", () => response.end("<DeleteResult/>"));
    }
    const isFirst = !request.url?.includes("continuation-token");
    const more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";
    const keys = [...left].map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join("");
    response.end(`<ListBucketResult><Name>bucket</Name>${isFirst ? more : keys}</ListBucketResult>`);
  });
  answers("/bucket/a", says(404));
  await using storage = open().storage;
  const folder = parseLocation("s3://bucket/a");
  expect(await storage.kindAt(folder, NEVER)).toBe("folder");
  await storage.remove(folder, NEVER);
  expect(left).toEqual(new Set());
  expect(await storage.kindAt(folder, NEVER)).toBe(null);
});
