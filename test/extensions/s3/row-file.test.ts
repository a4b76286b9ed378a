import { describe, expect, it } from "vitest";
import { noCredentials } from "../../../extensions/aws/credentials.ts";
import { invalidSetting } from "../../../extensions/aws/settings.ts";
import { CredentialCache } from "../../../extensions/object-store/credential-cache.ts";
import { createObjectStorage } from "../../../extensions/object-store/object-storage.ts";
import { S3Client } from "../../../extensions/s3/s3-client.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { HttpEngine } from "../../../shared/http/http-engine.ts";
import { StoreTally } from "../../../shared/http/store-tally.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { readRowFile } from "../../../shared/storage/row-file.ts";

const maxBytes = 256 * 1024 * 1024;
const folder = parseLocation("/photos");
const { signal } = new AbortController();

describe("a row that names a file in S3", () => {
  it.each([
    "s3://3232235777#/x.jpg",
    "s3://localhost#/x",
    "s3://evil?/x",
    "s3://a@b/other-bucket/k",
    "s3://127.0.0.1:9000/x",
    "s3://../bucket/x",
    "S3://a%2eb/x",
  ])("%s is refused without a request to any host", async (name) => {
    for (const addressing of ["virtual", "path"] as const) {
      const tally = new StoreTally();
      using engine = new HttpEngine({ tally });
      const credentials = new CredentialCache(async () => {
        throw new Error("credentials were requested");
      });
      const settings = { endpoint: null, region: "us-east-1", addressing, ca: null };
      const client = new S3Client({ settings, credentials, engine });
      await using storages = new Storages({ s3: async () => createObjectStorage(client) });
      const found = await readRowFile(storages, name, { folder, maxBytes, signal });
      expect(found).toEqual({
        kind: "refused",
        why: expect.stringMatching(/^cannot be read: invalid bucket name/),
      });
      expect(tally.read()).toEqual([]);
    }
  });

  it("an invalid setting of the machine is thrown, and the row is not refused", async () => {
    const storages = new Storages({
      s3: async () => {
        throw invalidSetting({ service: "S3", name: "AWS_CA_BUNDLE" }, "cannot be read", "a file");
      },
    });
    const read = readRowFile(storages, "s3://bucket/cat.jpg", { folder, maxBytes, signal });
    await expect(read).rejects.toMatchObject({ code: "STORE_REFUSED" });
  });

  it("missing credentials are thrown, and the row is not refused", async () => {
    const error = noCredentials("S3", new Error("503 of the metadata service"));
    const storages = new Storages({
      s3: async () => {
        throw error;
      },
    });
    const read = readRowFile(storages, "s3://bucket/cat.jpg", { folder, maxBytes, signal });
    await expect(read).rejects.toBe(error);
  });
});
