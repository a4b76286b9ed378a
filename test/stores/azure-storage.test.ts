import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { sha256 } from "../../shared/core/digest.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import type { ObjectPage } from "../../shared/objects/object-client.ts";
import { placeOf } from "../../shared/objects/object-place.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { storageContract } from "../contract/storage-contract.ts";
import { type AzureServer, startAzureServer } from "../support/azure-server.ts";

let server: AzureServer;
let storage: Storage;
beforeAll(async () => {
  server = await startAzureServer();
  await server.makeContainer("container");
  storage = server.storage();
}, 120_000);
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
afterAll(() => {
  vi.unstubAllEnvs();
});

const at = (key: string): Location => parseLocation(`az://container/${key}`);
const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 256);
let count = 0;

for (const [name, root] of [
  ["Azurite", "az://container"],
  ["Azurite, with the account in the location", "abfss://container@devstoreaccount1.dfs.core.windows.net"],
] as const) {
  storageContract(name, async () => {
    const contracted = server.storage();
    count += 1;
    const existing = parseLocation(`${root}/data-${count}/existing.bin`);
    await contracted.put(existing, sourceOfBytes(bytes));
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
}

describe("by the environment", () => {
  const put = async (env: Readonly<Record<string, string>>, key: string) => {
    for (const name of Object.keys(process.env).filter((each) => each.startsWith("AZURE_")))
      vi.stubEnv(name, "");
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    await using storages = new Storages();
    await (await storages.at(at(key))).put(at(key), sourceOfBytes("found"));
    await (await storages.at(at(key))).copy(at(key), at(`${key}-copied`));
    expect(Buffer.from(await server.kept("container", `${key}-copied`)).toString()).toBe("found");
    vi.unstubAllEnvs();
  };

  test("an account and its key", async () => {
    await put(server.env, "by/key");
  });

  test("a connection string", async () => {
    const { AZURE_STORAGE_KEY: key, AZURE_STORAGE_ENDPOINT: endpoint } = server.env;
    const connection = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${key};BlobEndpoint=${endpoint};`;
    await put({ AZURE_STORAGE_CONNECTION_STRING: connection }, "by/connection");
  });

  test("a shared access signature; one that has ended is refused, and not shown", async () => {
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

  test("a wrong key is refused, and not shown", async () => {
    const wrong = Buffer.from("hunter2hunter2hunter2").toString("base64");
    const refused = await put({ ...server.env, AZURE_STORAGE_KEY: wrong }, "by/no").catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({
      code: "STORE_REFUSED",
      fields: { reason: "AuthorizationFailure", identity: "the account devstoreaccount1, by its key" },
    });
    expect(JSON.stringify([refused, String(refused)])).not.toContain(wrong);
  });
});

describe("blobs in a container", () => {
  test("names of several pages are listed, and removed", async () => {
    using client = server.client();
    const folder = at("many");
    const names = Array.from({ length: 203 }, (_, index) => `file-${String(index).padStart(3, "0")} +%.bin`);
    await mapConcurrent(names, 20, (name) => storage.put(below(folder, name), sourceOfBytes(name)));
    const pages: number[] = [];
    const found: string[] = [];
    for (let from: string | null = null; ; ) {
      const wanted = { prefix: "many/", delimiter: "/", most: 100, from } as const;
      const page: ObjectPage = await client.list(placeOf(folder), wanted);
      pages.push(page.objects.length);
      found.push(...page.objects.map(({ key }) => key.slice("many/".length)));
      from = page.next;
      if (from === null) break;
    }
    expect(found).toEqual(names);
    expect(pages).toEqual([100, 100, 3]);
    await storage.remove(folder);
    expect(await storage.kindAt(folder)).toBeNull();
  });

  test("what a listing tells of a blob is what is read by it", async () => {
    await storage.put(at("told/a"), sourceOfBytes("content"));
    for await (const [entry] of storage.list(at("told"))) {
      expect(entry).toMatchObject({ name: "a", kind: "file", stat: { bytes: 7 } });
      const read = storage.read(at("told/a"), 0, 7, undefined, entry?.stat?.version);
      expect(Buffer.from(await read).toString()).toBe("content");
    }
  });

  test("a blob of several blocks is put, with its sha256, and copied with that", async () => {
    using client = server.client();
    const large = Buffer.alloc((40 << 20) + 12_345, "0123456789abcdef-");
    const placed = await storage.put(at("large/a"), sourceOfBytes(large), { ifAbsent: true });
    expect(placed).toEqual({ bytes: large.length, sha256: sha256(large) });
    expect(sha256(await server.kept("container", "large/a"))).toBe(placed.sha256);
    await storage.copy(at("large/a"), at("large/b"));
    expect(await client.head(placeOf(at("large/b")))).toMatchObject(placed);
    const other = storage.put(at("large/a"), sourceOfBytes(Buffer.alloc(large.length)), { ifAbsent: true });
    await expect(other).rejects.toMatchObject({ code: "STORE_EXISTS" });
    expect(await storage.put(at("large/a"), sourceOfBytes(large), { ifAbsent: true })).toEqual(placed);
  });

  test("of several that put blocks of one blob at once, one wins, whole", async () => {
    const all = ["a", "b", "c"].map((letter) => Buffer.alloc((17 << 20) + 5, letter));
    const puts = all.map((each) => storage.put(at("raced"), sourceOfBytes(each), { ifAbsent: true }));
    const outcomes = await Promise.allSettled(puts);
    const won = all.filter((_, index) => outcomes[index]?.status === "fulfilled");
    expect(won).toHaveLength(1);
    expect(sha256(await server.kept("container", "raced"))).toBe(sha256(won[0] ?? Buffer.alloc(0)));
  });

  test("bytes that are not those of the md5 are refused", async () => {
    using client = server.client();
    const body = {
      bytes: 5,
      async *chunks() {
        yield Buffer.from("wrong");
      },
    };
    const put = { body, sha256: sha256("right"), md5: "00".repeat(16), ifAbsent: false };
    await expect(client.put(placeOf(at("damaged")), put)).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(await storage.kindAt(at("damaged"))).toBeNull();
  });

  test("the container is a folder, another is nothing, and so is what is in it", async () => {
    expect(await storage.kindAt(parseLocation("az://container"))).toBe("folder");
    expect(await storage.kindAt(parseLocation("az://none-such/x"))).toBeNull();
    const missing = { code: "STORE_NOT_FOUND" };
    await expect(storage.stat(parseLocation("az://none-such/x"))).rejects.toMatchObject(missing);
    const pages = storage.list(parseLocation("az://none-such"));
    await expect(pages[Symbol.asyncIterator]().next()).rejects.toMatchObject(missing);
  });
});
