import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { placeOf } from "../../../extensions/object-store/object-place.ts";
import { createObjectStorage } from "../../../extensions/object-store/object-storage.ts";
import { checksumOf, partBytesOf } from "../../../extensions/s3/parts.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { sha256 } from "../../../shared/core/digest.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { error, type FaultyS3, says, startFaultyS3 } from "../../support/faulty-s3.ts";
import type { ServeCall } from "../../support/web-server.ts";

/** Objects in parts, with answers as AWS documents them, and with faults. */

const PART = 1_000;
const bytes = Buffer.alloc(2 * PART + 345, "0123456789abcdef-");
const digestOf = (part: Uint8Array) => createHash("sha256").update(part).digest("base64");
const parts = [0, PART, 2 * PART].map((start) => ({
  etag: `"e${start}"`,
  sha256: digestOf(bytes.subarray(start, start + PART)),
}));
/** Base64 of the SHA-256 of the parts' SHA-256 digests, and their number. Computed with another program. */
const CHECKSUM = "hIW9FWR//LDlLzG/c4T24pExFilDH/816+aAdaiFnn0=-3";

let store: FaultyS3;
beforeAll(async () => {
  store = await startFaultyS3();
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

const credentials = async () => ({ accessKeyId: "KEY", secretAccessKey: "hunter2" });
const SIZES = { mostWholeBytes: PART, partBytes: PART, mostCopiedBytes: PART };
const open = () => store.client(credentials, SIZES);
const from = parseLocation("s3://bucket/from");
const to = parseLocation("s3://bucket/to");

/**
 * Serves a key, with an answer for each kind of request.
 *
 * @returns the kinds, in order of arrival
 */
function serve(key: string, calls: Readonly<Record<string, ServeCall>>): string[] {
  const kinds: string[] = [];
  store.server.served.set(`/bucket/${key}`, (request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://x");
    const number = searchParams.get("partNumber");
    const isOfUpload = searchParams.has("uploadId");
    const kind =
      number !== null
        ? `part ${number}`
        : searchParams.has("uploads")
          ? "begin"
          : isOfUpload
            ? `${request.method === "DELETE" ? "abort" : "complete"} ${searchParams.get("uploadId")}`
            : String(request.method);
    kinds.push(kind);
    const call = calls[kind] ?? calls[kind.split(" ")[0] ?? ""] ?? says(404, error("NoSuchUpload"));
    request.resume().on("end", () => call(request, response));
  });
  return kinds;
}

const begun = says(
  200,
  "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
);
const completed = (checksum: string) =>
  says(
    200,
    `<CompleteMultipartUploadResult><ChecksumSHA256>${checksum}</ChecksumSHA256></CompleteMultipartUploadResult>`,
  );
const sent = says(200, "", { etag: '"e"' });
const put = () =>
  createObjectStorage(open()).put(to, sourceOfBytes(bytes), { ifAbsent: true, signal: NEVER });

test("parts have the default size unless the store would get too many of them", () => {
  expect(partBytesOf(10, PART)).toBe(PART);
  const largest = 5 * 2 ** 40;
  expect(Math.ceil(largest / partBytesOf(largest, 64 << 20))).toBeLessThanOrEqual(10_000);
});

test("the checksum of an upload is computed as by AWS, and is null if a part has none", () => {
  expect(checksumOf(parts)).toBe(CHECKSUM);
  expect(checksumOf([...parts, { etag: "x", sha256: null }])).toBeNull();
});

test("an upload is begun, its parts are sent in order, and it is completed", async () => {
  const kinds = serve("to", { begin: begun, part: sent, complete: completed(CHECKSUM), abort: says(204) });
  expect(await put()).toEqual({ bytes: bytes.length, sha256: sha256(bytes) });
  expect(kinds).toEqual(["begin", "part 1", "part 2", "part 3", "complete u1"]);
});

test.each([
  ["was stored with other bytes", { complete: completed(`${"A".repeat(43)}=-3`) }, "STORE_FAILED"],
  ["is refused", { part: says(403, error("AccessDenied")) }, "STORE_REFUSED"],
  ["gets an error in an answer 200", { complete: says(200, error("InvalidPart")) }, "STORE_FAILED"],
])("an upload that %s fails and is aborted at the store", async (_what, wrong, code) => {
  const calls = { begin: begun, part: sent, complete: completed(CHECKSUM), abort: says(204), ...wrong };
  const kinds = serve("to", calls);
  await expect(put()).rejects.toMatchObject({ code });
  expect(kinds.filter((kind) => kind !== "HEAD").at(-1)).toBe("abort u1");
});

test("an upload with a lost last response and a lost session finds its object stored", async () => {
  let completions = 0;
  const told = { "content-length": String(bytes.length), etag: '"e"', "x-amz-checksum-sha256": CHECKSUM };
  const kinds = serve("to", {
    begin: begun,
    part: sent,
    complete: (request, response) => {
      completions += 1;
      if (completions === 1) return void request.socket.destroy();
      if (completions === 2) return says(404, error("NoSuchUpload"))(request, response);
      says(412, error("PreconditionFailed"))(request, response);
    },
    abort: says(204),
    HEAD: says(200, "", { ...told, "x-amz-meta-shardmill-sha256": sha256(bytes) }),
  });
  expect(await put()).toEqual({ bytes: bytes.length, sha256: sha256(bytes) });
  expect(kinds.filter((kind) => kind === "begin")).toHaveLength(2);
});

test.each([
  ["closes the connection", (request: IncomingMessage) => void request.socket.destroy()],
  ["answers with an error", says(500, error("InternalError"))],
])("a lost upload is restarted when the store %s", async (_what, wrong: ServeCall) => {
  let begins = 0;
  const kinds = serve("to", {
    begin: (request, response) => {
      begins += 1;
      begun(request, response);
    },
    part: (request, response) => (begins === 1 ? wrong : sent)(request, response),
    complete: completed(CHECKSUM),
    abort: says(404, error("NoSuchUpload")),
  });
  expect(await put()).toEqual({ bytes: bytes.length, sha256: sha256(bytes) });
  expect(kinds.filter((kind) => !kind.startsWith("part 1"))).toEqual([
    "begin",
    "abort u1",
    "begin",
    "part 2",
    "part 3",
    "complete u1",
  ]);
});

test("an upload that still exists fails when its parts cannot be sent", async () => {
  const broken: ServeCall = (request) => void request.socket.destroy();
  const kinds = serve("to", { begin: begun, part: broken, abort: says(204) });
  await expect(put()).rejects.toMatchObject({ code: "STORE_FAILED" });
  expect(kinds.filter((kind) => kind === "begin")).toHaveLength(1);
  expect(kinds.filter((kind) => kind !== "HEAD").at(-1)).toBe("abort u1");
});

/** Serves a source that is too large for one copy, and a copy with or without checksums of its parts. */
function serveCopy(made: string, tellsParts = true): string[] {
  const told = { "content-length": String(bytes.length), etag: '"e"', "x-amz-checksum-sha256": CHECKSUM };
  serve("from", { HEAD: says(200, "", { ...told, "x-amz-meta-shardmill-sha256": sha256(bytes) }) });
  const part: ServeCall = (request, response) => {
    const [, start = ""] = /^bytes=(\d+)-/.exec(String(request.headers["x-amz-copy-source-range"])) ?? [];
    const { sha256: checksum, etag } = parts[Number(start) / PART] ?? { sha256: "", etag: "" };
    const known = tellsParts ? `<ChecksumSHA256>${checksum}</ChecksumSHA256>` : "";
    says(200, `<CopyPartResult><ETag>${etag}</ETag>${known}</CopyPartResult>`)(request, response);
  };
  return serve("to", {
    PUT: says(400, error("InvalidRequest", "the source is larger than the maximum")),
    begin: begun,
    part,
    complete: tellsParts ? completed(made) : says(200, "<CompleteMultipartUploadResult/>"),
    abort: says(204),
  });
}

test("a copy in parts fails unless it has the checksum of its source", async () => {
  using client = open();
  const kinds = serveCopy(CHECKSUM);
  await client.copy(placeOf(from), placeOf(to), { ifAbsent: true }, NEVER);
  expect(kinds.sort()).toEqual(["PUT", "begin", "complete u1", "part 1", "part 2", "part 3"]);
  serveCopy(`${"A".repeat(43)}=-3`);
  const other = client.copy(placeOf(from), placeOf(to), { ifAbsent: true }, NEVER);
  await expect(other).rejects.toMatchObject({ code: "STORE_FAILED" });
});

test("a copy is made without checksums at a store that returns none for copied parts", async () => {
  using client = open();
  const kinds = serveCopy(CHECKSUM, false);
  await client.copy(placeOf(from), placeOf(to), { ifAbsent: true }, NEVER);
  expect(kinds.filter((kind) => kind === "begin")).toHaveLength(2);
  expect(kinds.at(-1)).toBe("complete u1");
});

test("a copy that is refused for another reason fails with that reason", async () => {
  using client = open();
  serveCopy(CHECKSUM);
  serve("from", { HEAD: says(200, "", { "content-length": "10", etag: '"e"' }) });
  const copy = client.copy(placeOf(from), placeOf(to), { ifAbsent: true }, NEVER);
  await expect(copy).rejects.toMatchObject({ code: "STORE_FAILED", fields: { reason: "InvalidRequest" } });
});
