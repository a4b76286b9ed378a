import fc from "fast-check";
import { expect, test } from "vitest";
import { sizedHead } from "../../../../shared/http/response-head.ts";

const head = (...fields: readonly string[]) => ["HTTP/1.1 206 Partial Content", ...fields].join("\r\n");

test("a head with a length gives the status, the fields by lower-case names, and what is kept", () => {
  const text = head(
    ...[
      'ETag: "a"',
      "Content-Length: 12",
      "X-Empty:",
      "Connection: Keep-Alive",
      "Keep-Alive: timeout=5, max=9",
    ],
  );
  expect(sizedHead(text)).toEqual({
    status: 206,
    headers: {
      etag: '"a"',
      "content-length": "12",
      "x-empty": "",
      connection: "Keep-Alive",
      "keep-alive": "timeout=5, max=9",
    },
    bodyBytes: 12,
    isKept: true,
    keptMs: 5_000,
  });
  const closing = sizedHead(head("content-length: 0", "connection: close"));
  expect(closing).toMatchObject({ bodyBytes: 0, isKept: false, keptMs: null });
});

test("only a field that begins with `x-` may come several times, and has all its values", () => {
  const found = sizedHead(head("X-Id: a", "content-length: 0", "x-id: b", "x-ID:", "x-id: c"));
  expect(found?.headers).toEqual({ "x-id": "a, b, , c", "content-length": "0" });
});

test.each([
  ["no length", head("etag: a")],
  ["chunks", head("content-length: 1", "transfer-encoding: chunked")],
  ["a field twice", head("content-length: 1", "Content-Length: 2")],
  ["a length that is none", head("content-length: +1")],
  ["a folded field", head("content-length: 1", "a: b", " c")],
  ["a blank before the colon", head("content-length : 1")],
  ["a control character", head("content-length: 1", "a: b\0")],
  ["a line feed alone", head("content-length: 1\na: b")],
  ["an interim response", "HTTP/1.1 100 Continue\r\ncontent-length: 1"],
  ["an older protocol", "HTTP/1.0 206 Partial Content\r\ncontent-length: 1"],
  ["a status without a body", "HTTP/1.1 304 Not Modified\r\ncontent-length: 9"],
  ["another protocol", "SSH-2.0-OpenSSH_9.2"],
  ["nothing", ""],
])("a head with %s is left to Node's parser", (_what, text) => {
  expect(sizedHead(text)).toBeNull();
});

test("any text is either a head with a length, or left to Node's parser", () => {
  const line = fc.oneof(
    fc.constantFrom("HTTP/1.1 200 OK", "content-length: 3", "a: b", ""),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const found = sizedHead(lines.join("\r\n"));
      if (found === null) return;
      expect(found.status).toBeGreaterThanOrEqual(200);
      expect(found.headers["content-length"]).toBe(String(found.bodyBytes));
    }),
  );
});
