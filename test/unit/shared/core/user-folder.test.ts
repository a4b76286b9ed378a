import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { cacheFolder, stateFolder } from "../../../../shared/core/user-folder.ts";

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

test("what must last is in the user's folder for state", () => {
  expect(stateFolder("jobs", { SHARDMILL_STATE: "/s", XDG_STATE_HOME: "/x" })).toBe("/s/jobs");
  expect(stateFolder("jobs", { XDG_STATE_HOME: "/x" })).toBe("/x/shardmill/jobs");
  expect(stateFolder("jobs", {})).toBe(join(homedir(), ".local/state/shardmill/jobs"));
});
