import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { provideTokens } from "../../../extensions/azure/identities.ts";
import { startWebServer, type WebServer } from "../../support/web-server.ts";

let server: WebServer;
let folder: string;
beforeAll(async () => {
  server = await startWebServer({});
  folder = await mkdtemp(join(tmpdir(), "shardmill-azure-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  // The folder has no `az`.
  vi.stubEnv("PATH", folder);
  for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]) vi.stubEnv(name, "");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const options = { forceRefresh: false };

/** Serves tokens at a path, and records the requests. */
function serve(path: string, status: number, answer: unknown): { readonly requested: string[] } {
  const requested: string[] = [];
  server.served.set(path, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const secret = request.headers.metadata ?? request.headers["x-identity-header"] ?? "";
      requested.push(`${request.url?.split("?")[1] ?? ""} ${secret} ${Buffer.concat(chunks)}`);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
  });
  return { requested };
}

test("a workload identity exchanges the token of its file and reads that file each time", async () => {
  const { requested } = serve("/tenant/oauth2/v2.0/token", 200, { access_token: "t", expires_in: 3_600 });
  const file = join(folder, "federated");
  const env = {
    AZURE_TENANT_ID: "tenant",
    AZURE_CLIENT_ID: "7",
    AZURE_FEDERATED_TOKEN_FILE: file,
    AZURE_AUTHORITY_HOST: `${server.url}/`,
  };
  const provide = provideTokens(env);
  for (const assertion of ["first", "second"]) {
    await writeFile(file, `${assertion}\n`);
    const credentials = await provide(options);
    expect(credentials).toMatchObject({
      kind: "token",
      token: "t",
      identity: "client 7 with workload identity",
    });
    expect((credentials.expiration?.getTime() ?? 0) - Date.now()).toBeGreaterThan(3_500_000);
  }
  expect(requested.map((each) => new URLSearchParams(each.trim()).get("client_assertion"))).toEqual([
    "first",
    "second",
  ]);
  expect(requested[0]).toContain("scope=https%3A%2F%2Fstorage.azure.com%2F.default");
});

test("a refused client secret is reported with the reason, and the secret is not shown", async () => {
  serve("/tenant/oauth2/v2.0/token", 401, {
    error_description: "AADSTS7000215: Invalid client secret provided.",
  });
  const env = {
    AZURE_TENANT_ID: "tenant",
    AZURE_CLIENT_ID: "7",
    AZURE_CLIENT_SECRET: "hunter2",
    AZURE_AUTHORITY_HOST: server.url,
  };
  const refused = await provideTokens(env)(options).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "STORE_REFUSED", message: expect.stringContaining("AADSTS7000215") });
  expect(JSON.stringify([refused, String(refused)])).not.toContain("hunter2");
});

test("the managed identity of the configured client is requested from the machine", async () => {
  const seconds = Math.floor(Date.now() / 1_000) + 600;
  const { requested } = serve("/metadata/identity/oauth2/token", 200, {
    access_token: "t",
    expires_on: String(seconds),
  });
  const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: server.url, AZURE_CLIENT_ID: "7" };
  const credentials = await provideTokens(env)(options);
  expect(credentials).toMatchObject({ token: "t", identity: "the managed identity 7" });
  expect(credentials.expiration?.getTime()).toBe(seconds * 1_000);
  expect(requested).toEqual([
    "api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com%2F&client_id=7 true ",
  ]);
});

test("the identity endpoint of a container service is called with its own secret", async () => {
  const { requested } = serve("/msi/token", 200, { access_token: "t", expires_on: "4000000000" });
  const env = { IDENTITY_ENDPOINT: `${server.url}/msi/token`, IDENTITY_HEADER: "between-us" };
  expect(await provideTokens(env)(options)).toMatchObject({
    identity: "the managed identity of this machine",
  });
  expect(requested[0]).toMatch(/^api-version=2019-08-01.* between-us /);
});

test("without a machine identity, the user of `az login` is used, and bad output of `az` is not shown", async () => {
  serve("/metadata/identity/oauth2/token", 400, {});
  const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: server.url };
  const none = await provideTokens(env)(options).catch((error: unknown) => error);
  expect(none).toMatchObject({ code: "STORE_REFUSED", hint: expect.stringContaining("AZURE_STORAGE_KEY") });
  const told = JSON.stringify({ accessToken: "hunter2", expires_on: 4_000_000_000 });
  await writeFile(join(folder, "az"), `#!/bin/sh\necho '${told}'\n`, { mode: 0o755 });
  expect(await provideTokens(env)(options)).toMatchObject({
    token: "hunter2",
    identity: "the user of `az login`",
  });
  await writeFile(join(folder, "az"), "#!/bin/sh\necho hunter2\n", { mode: 0o755 });
  const broken = await provideTokens(env)(options).catch((error: unknown) => error);
  expect(JSON.stringify([broken, String(broken), (broken as Error).cause])).not.toContain("hunter2");
});
