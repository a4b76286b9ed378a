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

test("an answer to HEAD has no body that says so: what GET says of credentials is believed, and no other 400", async () => {
  const there = says(200, "", { etag: '"e"', "content-length": "10" });
  const keys = answers("/bucket/a.bin", says(400), says(400, error("ExpiredToken")), range, there);
  await using storage = open().storage;
  expect(await storage.stat(object, NEVER)).toEqual({ bytes: 10, version: '"e"' });
  expect(keys).toEqual(["KEY1", "KEY1", "KEY2", "KEY2"]);
  const other = open();
  answers("/bucket/a.bin", says(400, error("KeyTooLongError")));
  await expect(other.storage.stat(object, NEVER)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  expect(other.asked()).toBe(1);
  await other.storage[Symbol.asyncDispose]();
});

test("a clock that is wrong is put right by the store's", async () => {
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

test("a clock that is wrong is put right where the first that is asked is HEAD, too", async () => {
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

test("a redirect of a new bucket that names no region is refused with what to do", async () => {
  answers("/bucket/a.bin", says(307, error("TemporaryRedirect")));
  const { storage, asked } = open();
  await expect(storage.read(object, 0, 5, { signal: NEVER })).rejects.toMatchObject({
    code: "STORE_REFUSED",
    fields: { status: 307, reason: "TemporaryRedirect" },
    hint: expect.stringContaining("set AWS_REGION to the region of the new bucket"),
  });
  expect(asked()).toBe(1);
  await storage[Symbol.asyncDispose]();
});

test("what a store does not know how to do is asked once, and told in its words", async () => {
  let asked = 0;
  answers("/bucket/a.bin", (request, response) => {
    asked += 1;
    says(501, error("NotImplemented"))(request, response);
  });
  await using storage = open().storage;
  await expect(storage.put(object, sourceOfBytes("x"), { signal: NEVER })).rejects.toMatchObject({
    code: "STORE_FAILED",
    fields: { reason: "NotImplemented" },
    message: "s3://bucket/a.bin answers NotImplemented (501): said hunter2-free",
  });
  expect(asked).toBe(1);
});

test("a key that is listed leads to no object elsewhere, though XML cannot hold it", async () => {
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

test.each(["..", "a/../../other/key", "./x"])("no request is signed for the key %s", async (key) => {
  using client = store.client(async () => ({ accessKeyId: "KEY", secretAccessKey: "hunter2" }));
  const from = store.server.requests.length;
  const place = { bucket: "bucket", key, path: `s3://bucket/${key}` };
  await expect(client.remove(place, NEVER)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  expect(store.server.requests.length).toBe(from);
});

test("a key that no address can say is listed with the reason", async () => {
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
])("that bytes are refused with %s says of digests: %s", async (code, expected) => {
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
])("of a row's file %s is this machine's fault, and not the row's", async (code, status, variable) => {
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

test("of a row's file AccessDenied is the row's fault: another object may be given", async () => {
  answers("/bucket/a.bin", (request, response) => {
    response.writeHead(403).end(request.method === "HEAD" ? "" : error("AccessDenied"));
  });
  const { storage } = open();
  await using storages = new Storages({ s3: async () => storage });
  const wanted = { folder: parseLocation("/photos"), maxBytes: 100, signal: NEVER };
  expect(await readRowFile(storages, object, wanted)).toMatchObject({ kind: "refused" });
});

test("what a store says is told as far as a message is long", async () => {
  answers("/bucket/a.bin", says(400, error("InvalidArgument", "x".repeat(50_000))));
  await using storage = open().storage;
  const refused = await storage.read(object, 0, 5, { signal: NEVER }).catch((thrown: unknown) => thrown);
  expect(refused).toMatchObject({ fields: { reason: "InvalidArgument" } });
  expect(String(refused).length).toBeLessThan(2_000);
});

test("a page that is empty, and not the last one, is gone on from", async () => {
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
