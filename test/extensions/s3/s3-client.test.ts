import { afterAll, beforeAll, expect, test } from "vitest";
import type { AwsCredentials } from "../../../extensions/aws/credentials.ts";
import { CredentialCache } from "../../../extensions/object-store/credential-cache.ts";
import { createObjectStorage } from "../../../extensions/object-store/object-storage.ts";
import { S3Client } from "../../../extensions/s3/s3-client.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { sha256 } from "../../../shared/core/digest.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { error, type FaultyS3, range, says, startFaultyS3 } from "../../support/faulty-s3.ts";
import type { ServeCall } from "../../support/web-server.ts";

/** Faults that no real server has on request, as AWS documents them. */

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
test("rejected credentials are renewed once, and a second rejection is refused without secrets", async () => {
  const keys = answers("/bucket/a.bin", says(400, error("ExpiredToken")), range);
  await using first = open().storage;
  expect(await text(first.read(object, 0, 5, { signal: NEVER }))).toBe("01234");
  expect(keys).toEqual(["KEY1", "KEY2"]);
  const { storage, requested } = open();
  answers("/bucket/a.bin", says(400, error("ExpiredToken")));
  const refused = await storage.read(object, 0, 5, { signal: NEVER }).catch((thrown: unknown) => thrown);
  expect(refused).toMatchObject({ code: "STORE_REFUSED", fields: { reason: "ExpiredToken" } });
  expect(JSON.stringify([refused, String(refused)])).not.toContain('"hunter2');
  expect(requested()).toBe(2);
  await storage[Symbol.asyncDispose]();
});

test("a request to a busy store is retried, whether its status or its code reports it", async () => {
  answers(
    "/bucket/a.bin",
    says(503, error("SlowDown")),
    says(500, error("InternalError")),
    says(400, error("RequestTimeout")),
    range,
  );
  await using storage = open().storage;
  expect(await text(storage.read(object, 0, 5, { signal: NEVER }))).toBe("01234");
  answers("/bucket/a.bin", says(503, error("SlowDown")));
  await expect(storage.read(object, 0, 5, { signal: NEVER })).rejects.toMatchObject({
    code: "STORE_FAILED",
    fields: { throttled: true },
    message: "s3://bucket/a.bin answers 503 (SlowDown)",
  });
});

test.each([
  [404, "NoSuchKey", "STORE_NOT_FOUND"],
  [404, "NoSuchBucket", "STORE_NOT_FOUND"],
  [403, "AccessDenied", "STORE_REFUSED"],
  [403, "InvalidObjectState", "STORE_REFUSED"],
  [301, "PermanentRedirect", "STORE_REFUSED"],
  [400, "AuthorizationHeaderMalformed", "STORE_REFUSED"],
  [412, "PreconditionFailed", "STORE_CHANGED"],
  [400, "InvalidArgument", "STORE_FAILED"],
])("an answer %i %s fails with %s", async (status, code, expected) => {
  store.server.served.set("/bucket/", says(404, error("NoSuchBucket")));
  answers("/bucket/a.bin", says(status, error(code)));
  await using storage = open().storage;
  await expect(storage.read(object, 0, 5, { version: '"e"', signal: NEVER })).rejects.toMatchObject({
    code: expected,
  });
});

test("a copy with an error in an answer 200 fails, or is retried if the error is temporary", async () => {
  answers("/bucket/a.bin", says(200, "", { etag: '"e"', "content-length": "10" }));
  answers("/bucket/b.bin", says(200, error("AccessDenied")));
  await using storage = open().storage;
  const copy = storage.copy(object, parseLocation("s3://bucket/b.bin"), NEVER);
  await expect(copy).rejects.toMatchObject({ fields: { reason: "AccessDenied" } });
  answers("/bucket/b.bin", says(200, error("InternalError")), says(200, "<CopyObjectResult/>"));
  await storage.copy(object, parseLocation("s3://bucket/b.bin"), NEVER);
});

test("a copy is not requested again while the store is slow to answer", async () => {
  const late: ServeCall = (_request, response) =>
    void setTimeout(() => response.writeHead(200).end("<CopyObjectResult/>"), 900);
  const keys = answers("/bucket/b.bin", late);
  await using storage = open().storage;
  await storage.copy(object, parseLocation("s3://bucket/b.bin"), NEVER);
  expect(keys).toHaveLength(1);
});

test("a put with a lost response is retried, and succeeds only if the existing object has the same bytes", async () => {
  const bytes = "the same";
  const lost: ServeCall = (request) => void request.socket.destroy();
  const sum = Buffer.from(sha256(bytes), "hex").toString("base64");
  const there = says(200, "", { etag: '"e"', "content-length": "8", "x-amz-checksum-sha256": sum });
  const taken: ServeCall = (request, response) =>
    request.method === "HEAD"
      ? there(request, response)
      : says(412, error("PreconditionFailed"))(request, response);
  answers("/bucket/a.bin", lost, taken);
  await using storage = open().storage;
  expect(await storage.put(object, sourceOfBytes(bytes), { ifAbsent: true, signal: NEVER })).toEqual({
    bytes: 8,
    sha256: sha256(bytes),
  });
  answers("/bucket/a.bin", lost, taken);
  const other = storage.put(object, sourceOfBytes("not that"), { ifAbsent: true, signal: NEVER });
  await expect(other).rejects.toMatchObject({ code: "STORE_EXISTS" });
});

test("a conditional put on a closed connection is judged by the existing object", async () => {
  const bytes = "the same";
  const sum = Buffer.from(sha256(bytes), "hex").toString("base64");
  const there = says(200, "", { etag: '"e"', "content-length": "8", "x-amz-checksum-sha256": sum });
  answers("/bucket/a.bin", (request, response) => {
    if (request.method === "HEAD") there(request, response);
    else request.socket.destroy();
  });
  await using storage = open().storage;
  const stored = { bytes: 8, sha256: sha256(bytes) };
  expect(await storage.put(object, sourceOfBytes(bytes), { ifAbsent: true, signal: NEVER })).toEqual(stored);
  const other = storage.put(object, sourceOfBytes("not that"), { ifAbsent: true, signal: NEVER });
  await expect(other).rejects.toMatchObject({ code: "STORE_EXISTS" });
  // A put that may replace the object has failed.
  await expect(storage.put(object, sourceOfBytes(bytes), { signal: NEVER })).rejects.toMatchObject({
    code: "STORE_FAILED",
  });
});

test("a bulk removal fails if the store keeps one of the objects", async () => {
  answers("/bucket/a.bin", says(204));
  answers("/bucket/", (request, response) => {
    const listed =
      "<ListBucketResult><Contents><Key>a.bin/x</Key><Size>1</Size></Contents></ListBucketResult>";
    const left = "<DeleteResult><Error><Key>a.bin/x</Key><Code>AccessDenied</Code></Error></DeleteResult>";
    response.end(request.method === "GET" ? listed : left);
  });
  await using storage = open().storage;
  await expect(storage.remove(object, NEVER)).rejects.toMatchObject({
    code: "STORE_REFUSED",
    fields: { reason: "AccessDenied", key: "a.bin/x" },
  });
});

test("a removal fails with STORE_FAILED at a store that continues to list removed objects", async () => {
  answers("/bucket/a.bin", says(204));
  let requested = 0;
  answers("/bucket/", (request, response) => {
    requested += 1;
    const listed = `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${requested}</NextContinuationToken>
      <Contents><Key>a.bin/x</Key><Size>1</Size></Contents></ListBucketResult>`;
    response.end(request.method === "GET" ? listed : "<DeleteResult/>");
  });
  await using storage = open().storage;
  await expect(storage.remove(object, NEVER)).rejects.toMatchObject({
    code: "STORE_FAILED",
    fields: { key: "a.bin/x" },
  });
  expect(requested).toBe(3);
});

test("an object is read as it is stored, regardless of its content encoding", async () => {
  const packed = { "content-range": "bytes 0-4/10", etag: '"e"', "content-encoding": "aws-chunked,gzip" };
  answers("/bucket/a.bin", says(206, "01234", packed));
  await using storage = open().storage;
  expect(await text(storage.read(object, 0, 5, { signal: NEVER }))).toBe("01234");
});

test.each([
  [301, "PermanentRedirect", /AWS_REGION/],
  [400, "AuthorizationHeaderMalformed", /AWS_REGION/],
  [400, "InvalidBucketName", /name/],
  [400, "KeyTooLongError", /too long/],
  [400, "InvalidArgument", /names of bucket and object/],
  [405, "MethodNotAllowed", /names of bucket and object/],
])(
  "a HEAD request answered with %i is refused with the reason of a GET request: %s",
  async (status, code, hint) => {
    answers("/bucket/a.bin", says(status, error(code)));
    await using storage = open().storage;
    await expect(storage.stat(object, NEVER)).rejects.toMatchObject({
      code: "STORE_REFUSED",
      fields: { status },
      hint: expect.stringMatching(hint),
    });
  },
);

test("a call that waits for credentials ends when it is aborted", async () => {
  const credentials = new CredentialCache<AwsCredentials>(() => new Promise(() => {}));
  const settings = {
    endpoint: new URL(store.server.url),
    region: "us-east-1",
    addressing: "path",
    ca: null,
  } as const;
  await using storage = createObjectStorage(new S3Client({ settings, credentials }));
  const abort = new AbortController();
  const reason = new Error("enough");
  const read = storage.read(object, 0, 5, { signal: abort.signal });
  abort.abort(reason);
  await expect(read).rejects.toBe(reason);
});
