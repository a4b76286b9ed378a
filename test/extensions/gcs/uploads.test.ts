import { expect, test } from "vitest";
import { begunBy } from "../../../extensions/gcs/uploads.ts";

const begun = (asked: string, location: string) =>
  begunBy(
    { path: "gs://bucket/a" },
    { ifAbsent: false },
    { status: 200, headers: { location }, asked: new URL(asked) },
  );

test.each([
  ["https://storage.googleapis.com", "http://storage.googleapis.com/upload"],
  ["https://storage.googleapis.com", "ftp://storage.googleapis.com/upload"],
  ["http://127.0.0.1:4443", "file:///etc/passwd"],
])("what is asked of %s sends no pieces to %s", (asked, location) => {
  expect(() => begun(asked, location)).toThrow(expect.objectContaining({ code: "STORE_REFUSED" }));
});

test("pieces go where the store says", () => {
  const reader = begun("https://storage.googleapis.com", "https://other.example/upload?id=1");
  expect(String(reader?.end())).toBe("https://other.example/upload?id=1");
});
