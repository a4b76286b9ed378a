import { afterEach, expect, test, vi } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { Storages } from "../../../../shared/storage/open-storage.ts";
import { needs } from "../../../support/needs.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

const object = parseLocation("s3://bucket/key");

test("a storage is opened once for all callers, and again after a failure", async () => {
  let opened = 0;
  await using storages = new Storages({
    s3: async () => {
      opened += 1;
      if (opened === 1) throw new Error("not yet");
      return new MemoryStorage();
    },
  });
  const [first, second] = await Promise.allSettled([storages.at(object), storages.at(object)]);
  expect([first.status, second.status]).toEqual(["rejected", "rejected"]);
  const all = await Promise.all([storages.at(object), storages.at(object)]);
  expect(new Set(all).size).toBe(1);
  expect(opened).toBe(2);
});

needs("s3").each([
  ["AWS_CA_BUNDLE", "/no/such/bundle.pem", ""],
  ["AWS_ENDPOINT_URL", "nowhere", "http://127.0.0.1:1"],
])("a wrong %s on this machine is STORE_REFUSED until it is corrected", async (name, wrong, right) => {
  for (const file of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(file, "/no/such/file");
  for (const other of ["AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]) vi.stubEnv(other, "");
  for (const none of ["AWS_ACCESS_KEY_ID", "AWS_PROFILE"]) vi.stubEnv(none, "");
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  vi.stubEnv(name, wrong);
  await using storages = new Storages();
  const list = async () => {
    for await (const _page of (await storages.at(object)).list(object, { signal: NEVER })) break;
  };
  await expect(list()).rejects.toMatchObject({
    code: "STORE_REFUSED",
    fields: { variable: name },
    hint: expect.stringContaining(name),
  });
  vi.stubEnv(name, right);
  await expect(list()).rejects.toMatchObject({ hint: expect.stringContaining("AWS_PROFILE") });
});
