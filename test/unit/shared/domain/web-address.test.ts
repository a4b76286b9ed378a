import { expect, test } from "vitest";
import { sealAddress } from "../../../../shared/domain/web-address.ts";
import { needs } from "../../../support/needs.ts";

const place = (text: string) => sealAddress(text).location;

test("an address without secrets is its own location", () => {
  expect(sealAddress("https://Example.com:443/a b/c.parquet#top")).toEqual({
    location: "https://example.com/a%20b/c.parquet",
    address: null,
  });
});

function expectSealed(secret: string) {
  const { location, address } = sealAddress(`https://me:hunter2@example.com/a.parquet${secret}`);
  expect(location).toBe("https://example.com/a.parquet");
  expect(address).toBe(`https://me:hunter2@example.com/a.parquet${secret}`);
}

test.each(["?Policy=hunter2&Key-Pair-Id=K&Signature=hunter2", "?access_token=hunter2"])(
  "signatures and credentials are only in the address, and a new one has the same location: %s",
  expectSealed,
);

needs("s3", "gcs", "azure").each([
  "?X-Amz-Algorithm=AWS4&X-Amz-Credential=hunter2%2Fx&X-Amz-Signature=hunter2&x-amz-date=1",
  "?X-Goog-Signature=hunter2&X-Goog-Expires=60",
  "?AWSAccessKeyId=hunter2&Signature=hunter2&Expires=1",
  "?sv=2024&st=1&se=2&sr=b&sp=r&sig=hunter2",
])("the signature of a store is only in the address: %s", expectSealed);

test("queries for different files have different locations, and no location shows its query", () => {
  const places = ["", "?id=hunter1", "?id=hunter2", "?st=hunter2", "?id=hunter1&v=2"].map((query) =>
    place(`https://example.com/get${query}`),
  );
  expect(new Set(places).size).toBe(places.length);
  expect(places.join()).not.toContain("hunter");
  expect(place("https://example.com/get?id=hunter1&Signature=a")).toBe(places[1]);
  // A place stays the same when it is sealed again.
  expect(places.map((each) => place(each))).toEqual(places.map((each) => each.replace(/#.*/, "")));
});
