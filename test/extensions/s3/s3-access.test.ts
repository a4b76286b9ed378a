import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AwsCredentials } from "../../../extensions/aws/credentials.ts";
import { CredentialCache } from "../../../extensions/object-store/credential-cache.ts";
import { createObjectStorage } from "../../../extensions/object-store/object-storage.ts";
import { S3Client } from "../../../extensions/s3/s3-client.ts";
import type { S3Settings } from "../../../extensions/s3/settings.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { type ServeCall, startWebServer, type WebServer } from "../../support/web-server.ts";

/** Identity, payer and place of requests, which no store on this machine checks. */

let server: WebServer;
beforeAll(async () => {
  server = await startWebServer({});
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const object = parseLocation("s3://bucket/a.bin");
const says =
  (status: number, body = "", headers: Record<string, string> = {}): ServeCall =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);
const refusal = (code: string) => `<Error><Code>${code}</Code></Error>`;
const range = says(206, "01234", { "content-range": "bytes 0-4/10", etag: '"e"' });
const head = says(200, "", { "content-length": "10", etag: '"e"' });
const text = async (read: Promise<Uint8Array>) => Buffer.from(await read).toString();

/** Opens a storage on this server with other settings than `open`, or anonymously. */
function storageWith(settings: Partial<S3Settings>, who: "key" | "nobody" = "key"): Storage {
  const all = { endpoint: new URL(server.url), region: "us-east-1", addressing: "path", ca: null } as const;
  const key = new CredentialCache<AwsCredentials>(async () => ({
    accessKeyId: "KEY",
    secretAccessKey: "hunter2",
  }));
  const credentials = who === "nobody" ? null : key;
  return createObjectStorage(new S3Client({ settings: { ...all, ...settings }, credentials }));
}

test("requests to a public bucket have no signature and no AWS headers", async () => {
  const headers: IncomingHttpHeaders[] = [];
  server.served.set("/bucket/a.bin", (request, response) => {
    headers.push(request.headers);
    range(request, response);
  });
  await using storage = storageWith({}, "nobody");
  expect(await text(storage.read(object, 0, 5, { signal: NEVER }))).toBe("01234");
  expect(headers).toHaveLength(1);
  expect(headers[0]).not.toHaveProperty("authorization");
  expect(Object.keys(headers[0] ?? {}).filter((name) => name.startsWith("x-amz"))).toEqual([]);
});

test("a requester that pays sends and signs its header with each request", async () => {
  const headers: IncomingHttpHeaders[] = [];
  const note =
    (then: ServeCall): ServeCall =>
    (request, response) => {
      headers.push(request.headers);
      then(request, response);
    };
  const list =
    "<ListBucketResult><Contents><Key>a.bin</Key><Size>10</Size><ETag>e</ETag></Contents></ListBucketResult>";
  server.served.set(
    "/bucket/a.bin",
    note((request, response) => (request.method === "HEAD" ? head : range)(request, response)),
  );
  server.served.set("/bucket/", note(says(200, list)));
  await using storage = storageWith({ requesterPays: true });
  await storage.stat(object, NEVER);
  await storage.read(object, 0, 5, { signal: NEVER });
  for await (const _page of storage.list(parseLocation("s3://bucket"), { signal: NEVER })) break;
  expect(headers).toHaveLength(3);
  for (const { "x-amz-request-payer": payer, authorization } of headers) {
    expect(payer).toBe("requester");
    expect(authorization).toMatch(/SignedHeaders=[^,]*x-amz-request-payer/);
  }
});

describe("a bucket in another region", () => {
  const regionOf = ({ headers }: IncomingMessage) =>
    /Credential=KEY\/\d+\/([^/]+)\//.exec(headers.authorization ?? "")?.[1];
  const elsewhere = (status: number, body: string, headers: Record<string, string> = {}): ServeCall => {
    const seen: ServeCall = (request, response) =>
      regionOf(request) === "eu-north-1"
        ? range(request, response)
        : says(status, body, headers)(request, response);
    return seen;
  };
  const told = { "x-amz-bucket-region": "eu-north-1" };
  const inBody = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-north-1</Region></Error>";

  test.each([
    ["by 301", elsewhere(301, refusal("PermanentRedirect"), told)],
    [
      "by 307 with another host",
      elsewhere(307, refusal("TemporaryRedirect"), { ...told, location: "http://127.0.0.1:1/" }),
    ],
    ["by 400 with a header", elsewhere(400, "", told)],
    ["by 400 with a body", elsewhere(400, inBody)],
  ])("concurrent reads use the region that the store returns %s", async (_how, call) => {
    server.served.set("/bucket/a.bin", call);
    await using storage = storageWith({});
    const reads = Array.from({ length: 8 }, () => text(storage.read(object, 0, 5, { signal: NEVER })));
    expect(await Promise.all(reads)).toEqual(reads.map(() => "01234"));
    server.requests.length = 0;
    await storage.read(object, 0, 5, { signal: NEVER });
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ["with an invalid name", { "x-amz-bucket-region": "evil.example/#" }],
    ["that changes each time", null],
  ])("a region %s is refused", async (_what, headers) => {
    let count = 0;
    server.served.set("/bucket/a.bin", (request, response) => {
      count += 1;
      says(
        301,
        refusal("PermanentRedirect"),
        headers ?? { "x-amz-bucket-region": `region-${count}` },
      )(request, response);
    });
    await using storage = storageWith({});
    await expect(storage.read(object, 0, 5, { signal: NEVER })).rejects.toMatchObject({
      code: "STORE_REFUSED",
    });
    expect(count).toBeLessThanOrEqual(2);
  });
});
