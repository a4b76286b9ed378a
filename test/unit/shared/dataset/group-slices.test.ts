import { describe, expect, it } from "vitest";
import { cutRowGroups } from "../../../../shared/dataset/group-slices.ts";

const groups = [10, 0, 5, 20].map((rows) => ({ rows, bytes: rows * 4 }));

describe("a row range in row groups", () => {
  it("a range is cut where row groups end and skips row groups without its rows", () => {
    expect(cutRowGroups(groups, 8, 17)).toEqual([
      { group: 0, offset: 8, rows: 2 },
      { group: 2, offset: 0, rows: 5 },
      { group: 3, offset: 0, rows: 2 },
    ]);
  });

  it("an empty range has no slices", () => {
    expect(cutRowGroups(groups, 10, 10)).toEqual([]);
    expect(cutRowGroups([], 0, 0)).toEqual([]);
  });

  it("a range outside the file or out of order breaks an invariant", () => {
    expect(() => cutRowGroups(groups, 0, 36)).toThrow("inside the file");
    expect(() => cutRowGroups(groups, 5, 4)).toThrow("in order");
  });
});
