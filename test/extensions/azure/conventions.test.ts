import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { openAzureClient } from "../../../extensions/azure/conventions.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { startWebServer, type WebServer } from "../../support/web-server.ts";

let server: WebServer;
beforeAll(async () => {
  server = await startWebServer({});
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(() => {
  for (const name of Object.keys(process.env).filter((each) => each.startsWith("AZURE_")))
    vi.stubEnv(name, "");
  vi.stubEnv("AZURE_STORAGE_ACCOUNT", "mine");
  vi.stubEnv("AZURE_STORAGE_ENDPOINT", `${server.url}/mine`);
  vi.stubEnv("REQUESTS_CA_BUNDLE", "");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const blob = parseLocation("az://box/a");

test.each([
  [{}, /^SharedKey mine:/],
  [{ "az://": { anonymous: true } }, /^$/],
  [{ "az://box": { anonymous: true } }, /^$/],
  [{ "az://": { anonymous: true }, "az://box": {} }, /^SharedKey mine:/],
])("the settings %j of a job decide whether a request is signed or anonymous", async (settings, told) => {
  let authorization: string | undefined;
  server.served.set("/mine/box/a", (request, response) => {
    authorization = request.headers.authorization ?? "";
    response.writeHead(200, { etag: '"e"', "content-length": "3" }).end();
  });
  vi.stubEnv("AZURE_STORAGE_KEY", Buffer.from("hunter2").toString("base64"));
  await using storages = new Storages({}, { ...NO_STORES, settings });
  expect(await (await storages.at(blob)).stat(blob, NEVER)).toEqual({ bytes: 3, version: '"e"' });
  expect(authorization).toMatch(told);
});

test("an unreadable certificate bundle is refused unless the job has its own certificates", async () => {
  vi.stubEnv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem");
  await expect(openAzureClient()).rejects.toMatchObject({ fields: { variable: "REQUESTS_CA_BUNDLE" } });
  using client = await openAzureClient({ ca: "PEM" });
  expect(client.mostBytes).toBeGreaterThan(0);
});
