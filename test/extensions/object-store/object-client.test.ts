import { expect, test } from "vitest";
import { ListingWatch } from "../../../extensions/object-store/object-client.ts";

const page = (...keys: readonly string[]) => ({
  objects: keys.map((key) => ({ key, bytes: 1, version: null })),
  prefixes: [],
  next: null,
});

test("a listing whose pages repeat is detected, even under new tokens", () => {
  const watch = new ListingWatch("s3://bucket/a");
  for (const keys of [["a", "b"], [], ["c"], []]) watch.passed(page(...keys));
  expect(() => watch.passed(page("a", "b"))).toThrow(
    expect.objectContaining({
      code: "STORE_FAILED",
      message: expect.stringContaining("a second page begins with"),
    }),
  );
});
