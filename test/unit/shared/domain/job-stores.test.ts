import { expect, test } from "vitest";
import { bucketSettings, hostSettings } from "../../../../shared/domain/job-stores.ts";

const own = { anonymous: true };
const all = { region: "eu-west-1" };
const web = { ca: "PEM" };
const stores = { settings: { "s3://data": own, "s3://": all, "https://Example.com": web } };

test("a bucket has what is said of it, and nothing of what is said of all others", () => {
  expect(bucketSettings(stores, "s3", "data")).toEqual({ name: "s3://data", settings: own });
  expect(bucketSettings(stores, "s3", "other")).toEqual({ name: "s3://", settings: all });
  expect(bucketSettings({ settings: {} }, "s3", "data")).toEqual({ name: "s3://", settings: {} });
  expect(bucketSettings(stores, "s3", "constructor").settings).toBe(all);
});

test("a web server is known by its host as addresses have it, by https alone", () => {
  expect(hostSettings(stores, new URL("https://example.com:443/a"))).toBe(web);
  expect(hostSettings(stores, new URL("https://EXAMPLE.com/a?b"))).toBe(web);
  for (const other of ["http://example.com/a", "https://example.com:8443/a", "https://data/"])
    expect(hostSettings(stores, new URL(other)), other).toEqual({});
});
