import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { cacheFolder, stateFolder } from "../../../../shared/core/user-folder.ts";

test("the cache is in SHARDMILL_CACHE, which may be relative to the working directory", () => {
  expect(cacheFolder("models", { SHARDMILL_CACHE: "/c", XDG_CACHE_HOME: "/x" })).toBe("/c/models");
  expect(cacheFolder("models", { SHARDMILL_CACHE: "c" })).toBe(resolve("c/models"));
});

test("without SHARDMILL_CACHE, the cache is in the user's cache folder", () => {
  expect(cacheFolder("models", { XDG_CACHE_HOME: "/x" })).toBe("/x/shardmill/models");
  const usual = join(homedir(), ".cache/shardmill/models");
  expect(cacheFolder("models", { XDG_CACHE_HOME: "relative", SHARDMILL_CACHE: "" })).toBe(usual);
  expect(cacheFolder("models", {})).toBe(usual);
});

test("lasting state is in SHARDMILL_STATE, or else in the user's folder for state", () => {
  expect(stateFolder("jobs", { SHARDMILL_STATE: "/s", XDG_STATE_HOME: "/x" })).toBe("/s/jobs");
  expect(stateFolder("jobs", { XDG_STATE_HOME: "/x" })).toBe("/x/shardmill/jobs");
  expect(stateFolder("jobs", {})).toBe(join(homedir(), ".local/state/shardmill/jobs"));
});
