import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { cacheFolder } from "../../../../shared/core/cache-folder.ts";

test("Shardmill's own variable names the cache itself, relative to where it runs", () => {
  expect(cacheFolder("models", { SHARDMILL_CACHE: "/c", XDG_CACHE_HOME: "/x" })).toBe("/c/models");
  expect(cacheFolder("models", { SHARDMILL_CACHE: "c" })).toBe(resolve("c/models"));
});

test("else it is in the user's cache folder", () => {
  expect(cacheFolder("models", { XDG_CACHE_HOME: "/x" })).toBe("/x/shardmill/models");
  const usual = join(homedir(), ".cache/shardmill/models");
  expect(cacheFolder("models", { XDG_CACHE_HOME: "relative", SHARDMILL_CACHE: "" })).toBe(usual);
  expect(cacheFolder("models", {})).toBe(usual);
});
