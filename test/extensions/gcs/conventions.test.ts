import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { openGcsClient } from "../../../extensions/gcs/conventions.ts";
import { createObjectStorage } from "../../../extensions/object-store/object-storage.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { startWebServer, type WebServer } from "../../support/web-server.ts";

/** Credentials as the vendor's own library finds them, from a metadata server and a store of the test. */

let server: WebServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-gcs-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  // Another one each time, because this process remembers which stores have accepted it.
  server = await startWebServer({});
  vi.stubEnv("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", server.url);
  vi.stubEnv("CLOUDSDK_CONFIG", folder);
  vi.stubEnv("GCE_METADATA_HOST", new URL(server.url).host);
  vi.stubEnv("METADATA_SERVER_DETECTION", "assume-present");
  for (const name of ["GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST", "GOOGLE_SKIP_SIGNATURE"])
    vi.stubEnv(name, "");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
});

const object = parseLocation("gs://bucket/a");

let given = 0;
/** Serves tokens. Returns those that the store received, and the number of requests for one. */
function serve(refused: readonly string[] = []): { readonly tokens: string[]; readonly given: () => number } {
  const before = given;
  const tokens: string[] = [];
  server.served.set("/computeMetadata/v1/instance/service-accounts/default/token", (_request, response) => {
    given += 1;
    response.writeHead(200, { "content-type": "application/json", "metadata-flavor": "Google" });
    response.end(JSON.stringify({ access_token: `t${given}`, expires_in: 3_600, token_type: "Bearer" }));
  });
  server.served.set("/storage/v1/b/bucket/o/a", (request, response) => {
    const token = request.headers.authorization?.replace("Bearer ", "") ?? "";
    tokens.push(token);
    const said = JSON.stringify({ size: "1", generation: "7" });
    response.writeHead(refused.includes(token) ? 401 : 200).end(said);
  });
  return { tokens, given: () => given - before };
}

test("concurrent requests share one token of the machine's service account, and renew a refused one once", async () => {
  const seen = serve();
  await using storage = createObjectStorage(await openGcsClient());
  await Promise.all(Array.from({ length: 8 }, () => storage.stat(object, NEVER)));
  expect([seen.given(), new Set(seen.tokens)]).toEqual([1, new Set(["t1"])]);
  const later = serve(["t1"]);
  await Promise.all(Array.from({ length: 8 }, () => storage.stat(object, NEVER)));
  expect(later.given()).toBe(1);
  expect(later.tokens.filter((token) => token === "t2")).toHaveLength(8);
});

test("a refusal by the store names the refused identity", async () => {
  serve(["t3", "t4"]);
  await using storage = createObjectStorage(await openGcsClient());
  const refused = await storage.stat(object, NEVER).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: "STORE_REFUSED",
    fields: { identity: "the service account of this machine" },
  });
});

test("a missing or invalid credentials file is refused, and the error names its variable", async () => {
  const [empty, broken] = [join(folder, "empty.json"), join(folder, "broken.json")];
  await writeFile(empty, "{}");
  await writeFile(broken, 'hunter2, which is "private_key"');
  for (const path of [join(folder, "none.json"), empty, broken]) {
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", path);
    await using storage = createObjectStorage(await openGcsClient());
    const refused = await storage.stat(object, NEVER).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "STORE_REFUSED",
      fields: { variable: "GOOGLE_APPLICATION_CREDENTIALS" },
    });
    // A JSON parser quotes invalid text.
    expect(String(refused)).not.toContain("hunter");
  }
});

test("unsigned access to public buckets requests no credentials", async () => {
  const seen = serve();
  vi.stubEnv("GOOGLE_SKIP_SIGNATURE", "true");
  vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file");
  await using storage = createObjectStorage(await openGcsClient());
  await storage.stat(object, NEVER);
  expect([seen.given(), seen.tokens]).toEqual([0, [""]]);
});

test("certificates that cannot be read are refused", async () => {
  vi.stubEnv("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", join(folder, "none.pem"));
  await expect(openGcsClient()).rejects.toMatchObject({
    fields: { variable: "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE" },
  });
});
