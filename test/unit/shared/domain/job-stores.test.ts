import { expect, test } from "vitest";
import { bucketSettings, hostSettings } from "../../../../shared/domain/job-stores.ts";

const own = { anonymous: true };
const all = { region: "eu-west-1" };
const web = { ca: "PEM" };
const stores = { settings: { "s3://data": own, "s3://": all, "https://Example.com": web } };

test("a bucket has its own settings, or else the settings for all buckets, but never both", () => {
  expect(bucketSettings(stores, "s3", "data")).toEqual({ name: "s3://data", settings: own });
  expect(bucketSettings(stores, "s3", "other")).toEqual({ name: "s3://", settings: all });
  expect(bucketSettings({ settings: {} }, "s3", "data")).toEqual({ name: "s3://", settings: {} });
  expect(bucketSettings(stores, "s3", "constructor").settings).toBe(all);
});

test("the settings of a web server apply to its normalized host, and only to https", () => {
  expect(hostSettings(stores, new URL("https://example.com:443/a"))).toBe(web);
  expect(hostSettings(stores, new URL("https://EXAMPLE.com/a?b"))).toBe(web);
  for (const other of ["http://example.com/a", "https://example.com:8443/a", "https://data/"])
    expect(hostSettings(stores, new URL(other)), other).toEqual({});
});
