import { expect, test } from "vitest";
import { resolve } from "../../../fault/bucket-hooks.ts";
import { createLocalStorage } from "../../../fault/bucket-storage.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";

const LOCAL = compiledUrl("shared/storage/local.ts").href;
const BUCKET = compiledUrl("fault/bucket-storage.ts").href;

/** Returns the resolution of an import by a module, when Node itself finds `found`. */
async function resolved(found: string, parentURL: string): Promise<string> {
  const context = { conditions: [], importAttributes: {}, importAssertions: {}, parentURL };
  return (await resolve("./local.js", context, async () => ({ url: found }))).url;
}

test("an import of local storage resolves to the bucket, except in the bucket itself", async () => {
  expect(await resolved(LOCAL, compiledUrl("shared/storage/open-storage.ts").href)).toBe(BUCKET);
  expect(await resolved(LOCAL, BUCKET)).toBe(LOCAL);
});

test("imports of other modules are unchanged", async () => {
  const other = compiledUrl("shared/storage/memory.ts").href;
  expect(await resolved(other, LOCAL)).toBe(other);
});

test("the bucket supports put, list and copy, and neither rename nor link", async () => {
  await using bucket = createLocalStorage();
  expect(bucket.can).toEqual({
    put: true,
    rename: false,
    link: false,
    putIfAbsent: true,
    sync: false,
    list: true,
    versions: false,
  });
});
