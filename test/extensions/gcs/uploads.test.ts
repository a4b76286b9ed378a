import { expect, test } from "vitest";
import { begunBy } from "../../../extensions/gcs/uploads.ts";

const begun = (requested: string, location: string) =>
  begunBy(
    { path: "gs://bucket/a" },
    { ifAbsent: false },
    { status: 200, headers: { location }, requested: new URL(requested) },
  );

test.each([
  ["https://storage.googleapis.com", "http://storage.googleapis.com/upload"],
  ["https://storage.googleapis.com", "ftp://storage.googleapis.com/upload"],
  ["http://127.0.0.1:4443", "file:///etc/passwd"],
])("an upload requested from %s is refused when its session is at %s", (requested, location) => {
  expect(() => begun(requested, location)).toThrow(expect.objectContaining({ code: "STORE_REFUSED" }));
});

test("pieces are sent to the session address that the store returns", () => {
  const reader = begun("https://storage.googleapis.com", "https://other.example/upload?id=1");
  expect(String(reader?.end())).toBe("https://other.example/upload?id=1");
});
