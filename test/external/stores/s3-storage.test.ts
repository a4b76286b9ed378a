import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { type Location, parseLocation } from "../../../shared/domain/location.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { bucketContract } from "../../contract/bucket-contract.ts";
import { startS3Bucket } from "../../support/bucket-server.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";

let plain: S3Server;
let secure: S3Server;
beforeAll(async () => {
  [plain, secure] = await Promise.all([startS3Server(), startS3Server({ isSecure: true })]);
  await Promise.all([plain.makeBucket("bucket"), secure.makeBucket("bucket")]);
});
afterAll(async () => {
  await Promise.all([plain[Symbol.asyncDispose](), secure[Symbol.asyncDispose]()]);
});

bucketContract("versitygw", startS3Bucket);
bucketContract("versitygw over TLS", () => startS3Bucket({ isSecure: true }));

const at = (key: string): Location => parseLocation(`s3://bucket/${key}`);
test("settings, credentials and certificates come from the variables of AWS's own programs", async () => {
  for (const server of [plain, secure]) {
    for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
    await using storages = new Storages();
    const location = at("by-convention/a");
    const storage = await storages.at(location);
    await storage.put(location, sourceOfBytes("found"), { signal: NEVER });
    expect(Buffer.from(await server.kept("bucket", "by-convention/a")).toString()).toBe("found");
    vi.unstubAllEnvs();
  }
});

describe("objects in a bucket of a real server", () => {
  let storage: Storage;
  beforeAll(() => {
    storage = plain.storage();
  });
  afterAll(async () => {
    await storage[Symbol.asyncDispose]();
  });

  test("a file without an ETag uses its modification time as its version", async () => {
    await plain.keep("bucket", "found/file", "found");
    const { version, bytes } = await storage.stat(at("found/file"), NEVER);
    expect(bytes).toBe(5);
    const read = await storage.read(at("found/file"), 1, 5, { version, signal: NEVER });
    expect(Buffer.from(read).toString()).toBe("ound");
    for await (const [entry] of storage.list(at("found"), { signal: NEVER }))
      expect(entry).toMatchObject({ name: "file", stat: null });
    await plain.keep("bucket", "found/file", "later", new Date(Date.now() + 60_000));
    const later = storage.read(at("found/file"), 1, 5, { version, signal: NEVER });
    await expect(later).rejects.toMatchObject({ code: "STORE_CHANGED" });
  });

  test("a wrong secret is refused, and is not in the error", async () => {
    await using stranger = plain.storage({ ...plain.credentials, secretAccessKey: "hunter2hunter2" });
    const refused = await stranger
      .read(at("told/a"), 0, 1, { signal: NEVER })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "STORE_REFUSED",
      fields: { reason: "SignatureDoesNotMatch" },
      hint: expect.stringContaining("AWS_SECRET_ACCESS_KEY"),
    });
    expect(JSON.stringify([refused, String(refused)])).not.toContain("hunter2");
  });

  test("a key with `.`, `..` or empty parts is refused", async () => {
    for (const key of ["a/../b", "a/./b", "a//b"]) {
      await expect(storage.put(at(key), sourceOfBytes("x"), { signal: NEVER })).rejects.toMatchObject({
        code: "STORE_REFUSED",
      });
      await expect(storage.read(at(key), 0, 1, { signal: NEVER })).rejects.toMatchObject({
        code: "STORE_REFUSED",
      });
    }
  });
});
