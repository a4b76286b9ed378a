import { afterEach, expect, test, vi } from "vitest";
import {
  ALL_SCHEMES,
  exampleAddresses,
  isBucketName,
  namedEndpoint,
  SHOWN_SCHEMES,
} from "../../../../shared/domain/store-schemes.ts";
import { needs } from "../../../support/needs.ts";

afterEach(() => {
  vi.doUnmock("#extensions");
  vi.resetModules();
});

needs(
  "s3",
  "gcs",
  "azure",
)("texts show one scheme for each store, and lists have all schemes", () => {
  expect(SHOWN_SCHEMES).toEqual(["s3://", "gs://", "az://"]);
  expect(ALL_SCHEMES).toEqual(["s3://", "gs://", "az://", "abfss://"]);
  expect(exampleAddresses("KEY")).toEqual(["s3://BUCKET/KEY", "gs://BUCKET/KEY", "az://CONTAINER/KEY"]);
});

needs("s3")("an endpoint may be a word that a store defines", () => {
  expect(namedEndpoint("aws")).toBe("https://s3.amazonaws.com");
  expect(namedEndpoint("https://example.com")).toBeUndefined();
  expect(namedEndpoint("toString")).toBeUndefined();
});

needs("gcs", "azure")("a bucket's name has the form that its scheme requires, or the usual form", () => {
  expect(isBucketName("a.b-c_d", "gs")).toBe(true);
  expect(isBucketName("box@mine.dfs.core.windows.net", "abfss")).toBe(true);
  expect(isBucketName("box@mine.dfs.core.windows.net", "gs")).toBe(false);
});

test("a new extension's scheme is known to locations, outputs, settings and the removal of secrets", async () => {
  const schemes = { depot: { bucket: "SHELF", settings: ["ca"] } };
  const opened: string[] = [];
  const open = async (scheme: string) => opened.push(scheme);
  vi.resetModules();
  vi.doMock("#extensions", () => ({ EXTENSIONS: [{ name: "depot", storage: { schemes, open } }] }));
  const { isInBucket, notAnOutput, parseLocation } = await import("../../../../shared/domain/location.ts");
  const { Storages } = await import("../../../../shared/storage/open-storage.ts");
  const { STORES_SPEC } = await import("../../../../shared/domain/store-spec.ts");
  const { withoutSecrets } = await import("../../../../shared/core/without-secrets.ts");
  const place = parseLocation("depot://shelf/a");
  expect(isInBucket(place)).toBe(true);
  expect(notAnOutput(place)).toBeNull();
  expect(notAnOutput("depot:///a")).toMatchObject({ hint: "write depot://SHELF/FOLDER" });
  expect(STORES_SPEC.safeParse({ "depot://shelf": { ca: "a" } }).success).toBe(true);
  expect(STORES_SPEC.safeParse({ "depot://shelf": { region: "a" } }).success).toBe(false);
  expect(withoutSecrets("depot://user@shelf/a")).toBe("depot://user@shelf/a");
  await new Storages().at(place);
  expect(opened).toEqual(["depot"]);
});

test("without extensions, inputs are paths and web addresses, and outputs are only paths", async () => {
  vi.resetModules();
  vi.doMock("#extensions", () => ({ EXTENSIONS: [] }));
  const { notAnInput, notAnOutput, parseLocation } = await import("../../../../shared/domain/location.ts");
  const { STORES_SPEC } = await import("../../../../shared/domain/store-spec.ts");
  expect(() => parseLocation("s3://bucket/a")).toThrow(/no storage has the scheme s3/);
  expect(notAnInput("https://example.com/a")).toBeNull();
  expect(notAnOutput("s3://bucket/a")).toMatchObject({ expected: "a path on the coordinator's machine" });
  expect(notAnOutput("/a")).toBeNull();
  expect(STORES_SPEC.safeParse({ "https://example.com": { ca: "a" } }).success).toBe(true);
});
