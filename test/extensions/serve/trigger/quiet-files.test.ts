import { expect, it } from "vitest";
import { QuietFiles } from "../../../../extensions/serve/trigger/quiet-files.ts";

const file = (path: string, bytes: number, version = "v") => ({ path, bytes, version });

it("a file is quiet when it has not changed for long enough", () => {
  const files = new QuietFiles();
  const quiet = (found: Parameters<QuietFiles["observe"]>[0], nowMs: number) => {
    const ones = files.observe(found, 10, nowMs);
    return found.filter((one) => ones.has(one)).map(({ path }) => path);
  };
  expect(quiet([file("a", 1), file("b", 1)], 0)).toEqual([]);
  expect(quiet([file("a", 1), file("b", 2)], 9)).toEqual([]);
  expect(quiet([file("a", 1), file("b", 2)], 10)).toEqual(["a"]);
  expect(quiet([file("a", 1, "w"), file("b", 2)], 19)).toEqual(["b"]);
  // A file that was removed and returned counts as new.
  expect(quiet([file("b", 2)], 29)).toEqual(["b"]);
  expect(quiet([file("a", 1, "w")], 30)).toEqual([]);
  expect(quiet([file("a", 1, "w"), file("b", 2)], 40)).toEqual(["a"]);
});

it("a file that changes after the listing is not quiet", () => {
  const files = new QuietFiles();
  files.observe([file("a", 1)], 10, 0);
  const ones = files.observe([file("a", 1)], 10, 10);
  expect([ones.count, ones.has(file("a", 1)), ones.has(file("a", 2)), ones.has(file("c", 1))]).toEqual([
    1,
    true,
    false,
    false,
  ]);
});
