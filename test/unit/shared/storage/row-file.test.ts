import { describe, expect, it } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { judgedByError, wantsProxyUser } from "../../../../shared/http/failures.ts";
import { asStorageError } from "../../../../shared/storage/errors.ts";
import { MemoryStorage, type StorageCall } from "../../../../shared/storage/memory.ts";
import { Storages } from "../../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { openRowStorages, readFileCell, readRowFile } from "../../../../shared/storage/row-file.ts";

const maxBytes = 256 * 1024 * 1024;
const folder = parseLocation("/photos");
const { signal } = new AbortController();

async function storagesWith(before: (call: StorageCall) => Promise<void> = async () => {}) {
  const storage = new MemoryStorage({ before });
  await storage.put(parseLocation("/photos/a b/cat.jpg"), sourceOfBytes(Uint8Array.of(1, 2, 3)), { signal });
  return new Storages({ file: async () => storage });
}

describe("readFileCell", () => {
  const bytes = Uint8Array.of(7);
  it.each([
    [bytes, bytes],
    ["a b/cat.jpg", Uint8Array.of(1, 2, 3)],
    [{ bytes, path: "none.jpg" }, bytes],
    [{ bytes: null, path: "a b/cat.jpg" }, Uint8Array.of(1, 2, 3)],
  ])("reads %j", async (cell, found) => {
    const cells = { kind: "locations", folder } as const;
    const read = await readFileCell(await storagesWith(), cell, cells, { maxBytes, signal });
    expect(read).toEqual({ kind: "bytes", bytes: found });
  });

  it("refuses a struct without bytes and path", async () => {
    const cells = { kind: "locations", folder } as const;
    const cell = { bytes: null, path: null };
    const read = await readFileCell(await storagesWith(), cell, cells, { maxBytes, signal });
    expect(read).toEqual({ kind: "refused", why: "has neither bytes nor a path" });
  });
});

describe("readRowFile", () => {
  it.each(["a b/cat.jpg", "/photos/a b/cat.jpg"])("reads %s", async (name) => {
    const found = await readRowFile(await storagesWith(), name, { folder, maxBytes, signal });
    expect(found).toEqual({ kind: "bytes", bytes: Uint8Array.of(1, 2, 3) });
  });

  it.each([
    ["dog.jpg", /^cannot be read: /],
    ["coordinator:/photos/cat.jpg", /^cannot be read: .*nothing opens coordinator/],
    ["", /^is named "", which is neither a path/],
    ["ftp://example.com/cat.jpg", /^is named "ftp:/],
    ["http://user:50%@host/x.jpg", /^is named "http:\/\/...@host\/x.jpg"/],
    ["http://[bad/x.jpg", /^is named "http:/],
    ["https://exa mple.com/x.jpg", /^is named "https:/],
  ])('refuses the name "%s"', async (name, why) => {
    const found = await readRowFile(await storagesWith(), name, { folder, maxBytes, signal });
    expect(found).toEqual({ kind: "refused", why: expect.stringMatching(why) });
  });

  const certificate = (host: string) =>
    judgedByError(
      "the file",
      { host, proxy: null },
      Object.assign(new Error("self-signed"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
    );
  const unknown = new ShardmillError("STORE_FAILED", "the host h is unknown", { fields: { server: "h" } });

  it.each([
    ["a proxy that requires a user", wantsProxyUser("the file")],
    ["an untrusted certificate", certificate("minio.test")],
    ["an unknown host", unknown],
  ])("throws instead of refusing a row whose store has %s", async (_what, error) => {
    const storages = new Storages({
      s3: async () => {
        throw error;
      },
    });
    await expect(readRowFile(storages, "s3://bucket/cat.jpg", { folder, maxBytes, signal })).rejects.toBe(
      error,
    );
  });

  it("refuses a row that names an unknown server after two tries", async () => {
    await using storages = openRowStorages(NO_STORES);
    const location = parseLocation("https://no-such-host.invalid/cat.jpg");
    const requested = await (await storages.at(location))
      .stat(location, signal)
      .catch((error: unknown) => error);
    expect(requested).toMatchObject({
      code: "STORE_FAILED",
      fields: { tries: 2, server: "no-such-host.invalid" },
    });
    const found = await readRowFile(storages, location, { folder, maxBytes, signal });
    expect(found).toMatchObject({ kind: "refused" });
  });

  it.each([
    ["untrusted certificate", certificate("h")],
    ["unknown host", unknown],
  ])("refuses a row that names a web server with an %s", async (_what, error) => {
    const storages = new Storages({
      https: async () => {
        throw error;
      },
    });
    const found = await readRowFile(storages, "https://h/cat.jpg", { folder, maxBytes, signal });
    expect(found).toMatchObject({ kind: "refused" });
  });

  it.each([
    "https:///x?sig=SECRET",
    "ftp://h/x?sig=SECRET",
    "https://exa mple/x?sig=SECRET",
    "az://c/x?sig=SECRET",
  ])("does not show the secret in %s", async (name) => {
    // No storage opens here, except for disks.
    const storages = new Storages({ az: undefined as never, https: undefined as never });
    const found = await readRowFile(storages, name, { folder, maxBytes, signal });
    expect(found).toMatchObject({ kind: "refused" });
    expect(JSON.stringify(found)).not.toContain("SECRET");
  });

  it.each([
    ["once", 1, { kind: "bytes", bytes: Uint8Array.of(1, 2, 3, 4) }],
    ["repeatedly", 9, { kind: "refused", why: "cannot be read: it changes while it is read" }],
  ] as const)(
    "never returns part of a file that is replaced %s between stat and read",
    async (_how, times, expected) => {
      const cat = parseLocation("/photos/a b/cat.jpg");
      let left = 0;
      const storages = await storagesWith(async ({ call }) => {
        if (call !== "read" || left === 0) return;
        left -= 1;
        const storage = await storages.at(cat);
        await storage.put(cat, sourceOfBytes(Uint8Array.of(1, 2, 3, 4)), { signal });
      });
      left = times;
      expect(await readRowFile(storages, "a b/cat.jpg", { folder, maxBytes, signal })).toEqual(expected);
    },
  );

  it.each(["ENAMETOOLONG", "ELOOP", "EISDIR", "EINVAL", "ENOTDIR", "EACCES", "ENOENT"])(
    "refuses a row whose file fails with %s in the file system",
    async (errno) => {
      const storages = await storagesWith(async ({ call }) => {
        if (call !== "stat") return;
        const said = Object.assign(new Error(`${errno}: x, stat '${"n".repeat(9999)}'`), { code: errno });
        throw asStorageError("stat", "n".repeat(9999), said);
      });
      const found = await readRowFile(storages, "a b/cat.jpg", { folder, maxBytes, signal });
      expect(found).toEqual({ kind: "refused", why: expect.stringContaining(errno) });
      expect(JSON.stringify(found).length).toBeLessThan(1000);
    },
  );

  it("refuses a row that names a location outside the allowed ones", async () => {
    await using storages = openRowStorages({ ...NO_STORES, allowed: ["/photos"] });
    const found = await readRowFile(storages, "/other/x.png", { folder, maxBytes, signal });
    expect(found).toEqual({ kind: "refused", why: expect.stringContaining("may not be opened") });
  });

  it.each(["foo://", "foo:// "])("shortens a name of a megabyte that begins with %s", async (begin) => {
    const name = begin + "x".repeat(1_000_000);
    const found = await readRowFile(await storagesWith(), name, { folder, maxBytes, signal });
    expect(JSON.stringify(found).length).toBeLessThan(1000);
  });

  it("throws an error of the storage, which may be temporary", async () => {
    const broken = new ShardmillError("STORE_FAILED", "the disk failed");
    const storages = await storagesWith(async ({ call }) => {
      if (call === "read") throw broken;
    });
    await expect(readRowFile(storages, "a b/cat.jpg", { folder, maxBytes, signal })).rejects.toBe(broken);
  });
});
