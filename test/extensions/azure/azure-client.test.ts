import { afterAll, beforeAll, expect, test } from "vitest";
import { AzureClient } from "../../../extensions/azure/azure-client.ts";
import type { AzureCredentials } from "../../../extensions/azure/credentials.ts";
import { CredentialCache } from "../../../extensions/object-store/credential-cache.ts";
import { placeOf } from "../../../extensions/object-store/object-place.ts";
import { createObjectStorage } from "../../../extensions/object-store/object-storage.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { sha256 } from "../../../shared/core/digest.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { HttpEngine } from "../../../shared/http/http-engine.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { type ServeCall, startWebServer, type WebServer } from "../../support/web-server.ts";

/** Faults that no emulator has on request, as Azure documents them. */

let server: WebServer;
beforeAll(async () => {
  server = await startWebServer({});
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const blob = parseLocation("az://box/a b.bin");
const BLOB = "/mine/box/a%20b.bin";
const BLOCK = 1_000;

/** Defines answers for a path, one after another. The last one repeats. Returns the received tokens. */
function answers(path: string, ...calls: ServeCall[]): string[] {
  const tokens: string[] = [];
  server.served.set(path, (request, response) => {
    tokens.push(request.headers.authorization ?? "");
    const call = calls.length > 1 ? calls.shift() : calls[0];
    request.resume().on("end", () => call?.(request, response));
  });
  return tokens;
}

const says =
  (status: number, body = "", headers: Record<string, string> = {}): ServeCall =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);
const problem = (status: number, code: string) =>
  says(
    status,
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>said so.\nRequestId:1</Message></Error>`,
    {
      "x-ms-error-code": code,
    },
  );
const range = says(206, "01234", { "content-range": "bytes 0-4/10", etag: '"e"' });

const open = (): Storage => createObjectStorage(openClient());

function openClient(): AzureClient {
  let sent = 0;
  const credentials = new CredentialCache<AzureCredentials>(async () => {
    sent += 1;
    const expiration = new Date(Date.now() + 3_600_000);
    return {
      kind: "token",
      token: `hunter2-${sent}`,
      identity: "client 7 with workload identity",
      expiration,
    };
  });
  const timers = {
    after(_ms: number, act: () => void) {
      act();
      return () => {};
    },
  };
  const settings = {
    account: "mine",
    endpoint: new URL(`${server.url}/mine`),
    access: { kind: "identity" },
    ca: null,
  } as const;
  const engine = new HttpEngine({ timers, idleMs: 5_000 });
  return new AzureClient({ settings, credentials, engine, blockBytes: BLOCK, copyLookMs: 1 });
}

const text = async (read: Promise<Uint8Array>) => Buffer.from(await read).toString();

test("a rejected token is renewed once, and a second rejection fails with STORE_REFUSED without secrets", async () => {
  const tokens = answers(BLOB, problem(401, "InvalidAuthenticationInfo"), range);
  await using storage = open();
  expect(await text(storage.read(blob, 0, 5, { signal: NEVER }))).toBe("01234");
  expect(tokens).toEqual(["Bearer hunter2-1", "Bearer hunter2-2"]);
  answers(BLOB, problem(401, "InvalidAuthenticationInfo"));
  await using again = open();
  const refused = await again.read(blob, 0, 5, { signal: NEVER }).catch((thrown: unknown) => thrown);
  expect(refused).toMatchObject({
    code: "STORE_REFUSED",
    message: expect.stringMatching(/said so\. \(requested as client 7 with workload identity\)$/),
    fields: { identity: "client 7 with workload identity", variable: "AZURE_TENANT_ID" },
  });
  expect(JSON.stringify([refused, String(refused)])).not.toContain("hunter2");
});

test.each([
  [404, "BlobNotFound", "STORE_NOT_FOUND"],
  [404, "ContainerNotFound", "STORE_NOT_FOUND"],
  [403, "AuthorizationPermissionMismatch", "STORE_REFUSED"],
  [409, "PublicAccessNotPermitted", "STORE_REFUSED"],
  [409, "BlobArchived", "STORE_REFUSED"],
  [400, "InvalidResourceName", "STORE_REFUSED"],
  [412, "ConditionNotMet", "STORE_CHANGED"],
  [400, "InvalidHeaderValue", "STORE_FAILED"],
])("an answer %i %s fails with %s", async (status, code, expected) => {
  answers("/mine/box", problem(404, "ContainerNotFound"));
  answers(BLOB, problem(status, code));
  await using storage = open();
  await expect(storage.read(blob, 0, 5, { version: '"e"', signal: NEVER })).rejects.toMatchObject({
    code: expected,
  });
});

test("a failed HEAD request is judged by the error code in the response headers", async () => {
  answers(BLOB, says(403, "", { "x-ms-error-code": "AuthorizationFailure" }));
  await using storage = open();
  await expect(storage.stat(blob, NEVER)).rejects.toMatchObject({
    code: "STORE_REFUSED",
    fields: { reason: "AuthorizationFailure" },
  });
});

test("a request to a busy store is retried, and fails as throttled if the store stays busy", async () => {
  answers(BLOB, problem(503, "ServerBusy"), problem(500, "OperationTimedOut"), range);
  await using storage = open();
  expect(await text(storage.read(blob, 0, 5, { signal: NEVER }))).toBe("01234");
  answers(BLOB, problem(503, "ServerBusy"));
  await expect(storage.read(blob, 0, 5, { signal: NEVER })).rejects.toMatchObject({
    message: "az://box/a b.bin answers ServerBusy",
    fields: { throttled: true },
  });
});

test("a directory of a hierarchical account is reported as a folder, alone and in listings", async () => {
  const directory = { etag: '"d"', "content-length": "0", "x-ms-resource-type": "directory" };
  answers(BLOB, says(200, "", directory));
  answers(
    "/mine/box",
    says(
      200,
      `<EnumerationResults><Blobs>
        <Blob><Name>a b.bin/x</Name><Properties><Etag>0x1</Etag><ResourceType>directory</ResourceType></Properties></Blob>
        <Blob><Name Encoded="true">a%20b.bin/%EF%BF%BE</Name><Properties><Content-Length>3</Content-Length><Etag>0x2</Etag></Properties></Blob>
        <BlobPrefix><Name>a b.bin/x/</Name></BlobPrefix>
      </Blobs><NextMarker /></EnumerationResults>`,
    ),
  );
  await using storage = open();
  expect(await storage.kindAt(blob, NEVER)).toBe("folder");
  for await (const page of storage.list(blob, { signal: NEVER }))
    expect(page.map(({ name, kind, stat }) => [name, kind, stat])).toEqual([
      ["\ufffe", "file", { bytes: 3, version: '"0x2"' }],
      ["x", "folder", null],
    ]);
});

test.each([
  ["a page that is not a listing", "<html>"],
  ["a page that repeats", "<EnumerationResults><Blobs/><NextMarker>1</NextMarker></EnumerationResults>"],
])("a listing fails with STORE_FAILED when it has %s", async (_what, page) => {
  answers("/mine/box", says(200, page));
  await using storage = open();
  const all = async () => {
    for await (const _page of storage.list(parseLocation("az://box/a"), { signal: NEVER }));
  };
  await expect(all()).rejects.toMatchObject({ code: "STORE_FAILED" });
});

/** Answers HEAD requests for a blob, and PUT requests that copy to it. Returns their conditions. */
function serveCopies(path: string, heads: readonly Record<string, string>[], ...puts: ServeCall[]): string[] {
  const conditions: string[] = [];
  const [left, answersToPut] = [[...heads], [...puts]];
  server.served.set(path, (request, response) => {
    if (request.method === "PUT") {
      conditions.push(String(request.headers["if-none-match"]));
      const call = answersToPut.length > 1 ? answersToPut.shift() : answersToPut[0];
      return void request.resume().on("end", () => call?.(request, response));
    }
    const head = left.length > 1 ? left.shift() : left[0];
    says(200, "", { etag: '"c"', "content-length": "10", ...head })(request, response);
  });
  return conditions;
}

const told = (bytes: string) => ({ "x-ms-meta-shardmillsha256": sha256(bytes) });

test("a copy keeps an existing object with the right checksum and replaces any other", async () => {
  const copy = parseLocation("az://box/c");
  answers(BLOB, says(200, "", { etag: '"e"', "content-length": "10", ...told("right") }));
  const taken = problem(409, "BlobAlreadyExists");
  const done = says(202, "", { "x-ms-copy-status": "success" });
  await using storage = open();
  const left = serveCopies("/mine/box/c", [told("right")], taken, done);
  await storage.copy(blob, copy, NEVER);
  expect(left).toEqual(["*"]);
  const replaced = serveCopies("/mine/box/c", [told("other")], taken, done);
  await storage.copy(blob, copy, NEVER);
  expect(replaced).toEqual(["*", "undefined"]);
});

test("a copy in progress by another writer is awaited, and replaced if it failed", async () => {
  const copy = parseLocation("az://box/c");
  answers(BLOB, says(200, "", { etag: '"e"', "content-length": "10", ...told("right") }));
  const [busy, taken] = [problem(409, "PendingCopyOperation"), problem(409, "BlobAlreadyExists")];
  const done = says(202, "", { "x-ms-copy-status": "success" });
  const state = (name: string) => ({ ...told("right"), "x-ms-copy-status": name });
  await using storage = open();
  const ended = serveCopies("/mine/box/c", [state("pending"), state("success")], busy, taken, done);
  await storage.copy(blob, copy, NEVER);
  expect(ended).toEqual(["*", "*"]);
  const failed = serveCopies("/mine/box/c", [state("pending"), state("failed")], taken, done);
  await storage.copy(blob, copy, NEVER);
  expect(failed).toEqual(["*", "undefined"]);
});

test("the checksum of a blob is ignored while a copy to it is pending or after it was aborted", async () => {
  await using storage = open();
  for (const [state, expected] of [
    ["success", { bytes: 10, sha256: sha256("right") }],
    ["pending", null],
    ["aborted", null],
  ] as const) {
    serveCopies("/mine/box/c", [{ ...told("right"), "x-ms-copy-status": state }]);
    expect(await storage.checksums?.of(parseLocation("az://box/c"), NEVER)).toEqual(expected);
  }
});

test.each([
  ["refused for their MD5", problem(400, "Md5Mismatch"), true],
  ["accepted", says(201), false],
  ["refused for another reason", problem(400, "InvalidHeaderValue"), false],
] as const)(
  "support for MD5 checks is detected when bytes with a wrong MD5 are %s",
  async (_what, answer, expected) => {
    answers(BLOB, answer);
    using client = openClient();
    expect(await client.refusesOtherBytes(placeOf(blob), NEVER)).toBe(expected);
  },
);

test("a pending copy is awaited, and an aborted copy fails with STORE_FAILED", async () => {
  const there = { etag: '"e"', "content-length": "10" };
  answers(BLOB, says(200, "", there));
  const state = (name: string) => ({ "x-ms-copy-status": name });
  answers("/mine/box/c", says(202, "", state("pending")), says(200, "", state("success")));
  await using storage = open();
  await storage.copy(blob, parseLocation("az://box/c"), NEVER);
  answers("/mine/box/c", says(202, "", state("pending")), says(200, "", state("aborted")));
  await expect(storage.copy(blob, parseLocation("az://box/c"), NEVER)).rejects.toMatchObject({
    code: "STORE_FAILED",
  });
});

test("a put with a lost response is retried, and succeeds only if the existing object has the same bytes", async () => {
  const bytes = "the same";
  const lost: ServeCall = (request) => void request.socket.destroy();
  const taken: ServeCall = (request, response) =>
    request.method === "HEAD"
      ? says(200, "", { etag: '"e"', "content-length": "8", "x-ms-meta-shardmillsha256": sha256(bytes) })(
          request,
          response,
        )
      : problem(409, "BlobAlreadyExists")(request, response);
  answers(BLOB, lost, taken);
  await using storage = open();
  expect(await storage.put(blob, sourceOfBytes(bytes), { ifAbsent: true, signal: NEVER })).toEqual({
    bytes: 8,
    sha256: sha256(bytes),
  });
  answers(BLOB, lost, taken);
  const other = storage.put(blob, sourceOfBytes("not that"), { ifAbsent: true, signal: NEVER });
  await expect(other).rejects.toMatchObject({ code: "STORE_EXISTS" });
});

test("blocks dropped by the commit of another writer are sent again under new ids", async () => {
  const ids: string[] = [];
  let lists = 0;
  server.served.set(BLOB, (request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://x");
    request.resume().on("end", () => {
      if (searchParams.get("comp") === "block") {
        ids.push(searchParams.get("blockid") ?? "");
        return void response.writeHead(201).end();
      }
      lists += 1;
      (lists === 1 ? problem(400, "InvalidBlockList") : says(201))(request, response);
    });
  });
  await using storage = open();
  await storage.put(blob, sourceOfBytes(Buffer.alloc(2 * BLOCK + 1)), { signal: NEVER });
  expect([ids.length, new Set(ids).size, new Set(ids.map((id) => id.length)).size, lists]).toEqual([
    6, 6, 1, 2,
  ]);
});
