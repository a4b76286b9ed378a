import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { placeOf } from "../../../extensions/object-store/object-place.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { type Location, parseLocation } from "../../../shared/domain/location.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { bucketContract } from "../../contract/bucket-contract.ts";
import { storageContract } from "../../contract/storage-contract.ts";
import { type AzureServer, startAzureServer } from "../../support/azure-server.ts";
import { startAzureBucket } from "../../support/bucket-server.ts";

let server: AzureServer;
beforeAll(async () => {
  server = await startAzureServer();
  await server.makeContainer("container");
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
afterAll(() => {
  vi.unstubAllEnvs();
});

const at = (key: string): Location => parseLocation(`az://container/${key}`);
const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 256);
let count = 0;

bucketContract("Azurite", startAzureBucket, { unnameable: "\\" });

storageContract("Azurite, with the account in the location", async () => {
  const root = "abfss://container@devstoreaccount1.dfs.core.windows.net";
  const contracted = server.storage();
  count += 1;
  const existing = parseLocation(`${root}/data-${count}/existing.bin`);
  await contracted.put(existing, sourceOfBytes(bytes), { signal: NEVER });
  return {
    storage: contracted,
    existing: { location: existing, bytes },
    free: () => parseLocation(`${root}/made-${count++}/deeper/file-${count}`),
    forbidden: null,
    unnameable: "\\",
    bytesAt: async (location) => await server.kept("container", placeOf(location).key),
    cleanup: async () => {},
  };
});

describe("credentials from the environment", () => {
  const put = async (env: Readonly<Record<string, string>>, key: string) => {
    for (const name of Object.keys(process.env).filter((each) => each.startsWith("AZURE_")))
      vi.stubEnv(name, "");
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    await using storages = new Storages();
    await (await storages.at(at(key))).put(at(key), sourceOfBytes("found"), { signal: NEVER });
    await (await storages.at(at(key))).copy(at(key), at(`${key}-copied`), NEVER);
    expect(Buffer.from(await server.kept("container", `${key}-copied`)).toString()).toBe("found");
    vi.unstubAllEnvs();
  };

  test("an account and its key are accepted", async () => {
    await put(server.env, "by/key");
  });

  test("a connection string is accepted", async () => {
    const { AZURE_STORAGE_KEY: key, AZURE_STORAGE_ENDPOINT: endpoint } = server.env;
    const connection = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${key};BlobEndpoint=${endpoint};`;
    await put({ AZURE_STORAGE_CONNECTION_STRING: connection }, "by/connection");
  });

  test("a shared access signature is accepted, and an expired one is refused without showing it", async () => {
    const { AZURE_STORAGE_KEY: _key, ...env } = server.env;
    await put({ ...env, AZURE_STORAGE_SAS_TOKEN: `?${server.signatureFor(10)}` }, "by/sas");
    const ended = server.signatureFor(-10);
    const refused = await put({ ...env, AZURE_STORAGE_SAS_TOKEN: ended }, "by/sas").catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({
      code: "STORE_REFUSED",
      fields: { identity: "a shared access signature" },
    });
    const sig = new URLSearchParams(ended).get("sig") ?? "";
    const shown = JSON.stringify([refused, String(refused), (refused as Error).stack]);
    for (const secret of [sig, encodeURIComponent(sig)]) expect(shown).not.toContain(secret);
  });

  test("a wrong key is refused, and is not in the error", async () => {
    const wrong = Buffer.from("hunter2hunter2hunter2").toString("base64");
    const refused = await put({ ...server.env, AZURE_STORAGE_KEY: wrong }, "by/no").catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({
      code: "STORE_REFUSED",
      fields: { reason: "AuthorizationFailure", identity: "account devstoreaccount1 with its key" },
    });
    expect(JSON.stringify([refused, String(refused)])).not.toContain(wrong);
  });
});
