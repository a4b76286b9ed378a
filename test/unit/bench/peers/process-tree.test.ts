import { describe, expect, it } from "vitest";
import { descendantsOf, parsePssBytes, parseStat } from "../../../../bench/peers/process-tree.ts";

describe("parseStat", () => {
  it("reads parent and CPU time after a name with spaces and parentheses", () => {
    const text = "42 (ray::Map (x) y) S 7 42 42 0 -1 4194304 1 2 3 4 250 150 9 9 20 0 5 0 100";
    expect(parseStat(text)).toEqual({ pid: 42, parent: 7, cpuSeconds: 4 });
  });
});

describe("parsePssBytes", () => {
  it("reads the total, not its parts", () => {
    expect(parsePssBytes("Rss:   900 kB\nPss:   300 kB\nPss_Anon:   100 kB\n")).toBe(300 * 1024);
  });

  it("gives 0 for an exited process", () => {
    expect(parsePssBytes("")).toBe(0);
  });
});

describe("descendantsOf", () => {
  it("finds children and their children, without the root and unrelated processes", () => {
    const parents = { 1: 0, 10: 1, 11: 10, 12: 11, 13: 10, 20: 1 };
    const processes = Object.entries(parents).map(([pid, parent]) => ({
      pid: Number(pid),
      parent,
      cpuSeconds: 0,
    }));
    const found = descendantsOf(10, processes).map(({ pid }) => pid);
    expect(found.sort()).toEqual([11, 12, 13]);
  });
});
