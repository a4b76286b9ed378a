import { describe, expect, it } from "vitest";
import { descendantsOf, parsePssBytes, parseStat } from "../../../../bench/peers/process-tree.ts";

describe("parseStat", () => {
  it("finds parent and CPU time behind a name with blanks and parentheses", () => {
    const text = "42 (ray::Map (x) y) S 7 42 42 0 -1 4194304 1 2 3 4 250 150 9 9 20 0 5 0 100";
    expect(parseStat(text)).toEqual({ pid: 42, parent: 7, cpuSeconds: 4 });
  });
});

describe("parsePssBytes", () => {
  it("takes the sum, not its parts", () => {
    expect(parsePssBytes("Rss:   900 kB\nPss:   300 kB\nPss_Anon:   100 kB\n")).toBe(300 * 1024);
  });

  it("is nothing for a process that has ended", () => {
    expect(parsePssBytes("")).toBe(0);
  });
});

describe("descendantsOf", () => {
  it("finds children and theirs, and neither the root nor strangers", () => {
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
