import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { placeOf } from "../../../extensions/object-store/object-place.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { sha256 } from "../../../shared/core/digest.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { Storages } from "../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { bucketContract } from "../../contract/bucket-contract.ts";
import { startGcsBucket } from "../../support/bucket-server.ts";
import { type GcsServer, startGcsServer } from "../../support/gcs-server.ts";

bucketContract("fake-gcs-server", startGcsBucket);

let server: GcsServer;
beforeAll(async () => {
  server = await startGcsServer();
  await server.makeBucket("bucket");
});
afterAll(() => server[Symbol.asyncDispose]());

test("the emulator is found by the variables of Google's own programs", async () => {
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
  await using storages = new Storages();
  const location = parseLocation("gs://bucket/by-convention/a");
  await (await storages.at(location)).put(location, sourceOfBytes("found"), { signal: NEVER });
  expect(Buffer.from(await server.kept("bucket", "by-convention/a")).toString()).toBe("found");
  vi.unstubAllEnvs();
});

test("a put in pieces with a wrong MD5 fails with STORE_FAILED", async () => {
  using client = server.client();
  const bytes = 17 << 20;
  const body = {
    bytes,
    async *chunks() {
      yield Buffer.alloc(bytes);
    },
  };
  const place = placeOf(parseLocation("gs://bucket/damaged"));
  const md5 = createHash("md5").update("right").digest("hex");
  const put = client.put(place, { body, sha256: sha256("right"), md5, ifAbsent: false }, NEVER);
  await expect(put).rejects.toMatchObject({ code: "STORE_FAILED" });
});
