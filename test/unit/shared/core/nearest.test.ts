import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { didYouMean, editDistance, nearest } from "../../../../shared/core/nearest.ts";

describe("the edit distance", () => {
  test.each([
    ["", "", 0],
    ["abc", "", 3],
    ["scal", "scale", 1],
    ["argmx", "argmax", 1],
    ["bacth", "batch", 1],
    ["kitten", "sitting", 3],
  ])("the distance from %j to %j is %d", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  test("the distance is zero only for equal texts, symmetric, and at most the longer length", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance === 0).toBe(a === b);
        expect(editDistance(b, a)).toBe(distance);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe("the nearest name", () => {
  test("the name with the fewest edits is chosen", () => {
    expect(nearest("pixls", ["label", "pixel", "pixels"])).toBe("pixels");
  });

  test("no name is chosen when all are far", () => {
    expect(nearest("image", ["pixels", "label", "x"])).toBeUndefined();
  });

  test("names of up to three letters match with a missing or swapped letter, but not with a changed one", () => {
    expect(nearest("gpu", ["cpu"])).toBeUndefined();
    expect(nearest("x", ["y"])).toBeUndefined();
    expect(nearest("pth", ["path"])).toBe("path");
    expect(nearest("cup", ["cpu"])).toBe("cpu");
  });

  test("a difference only in case is nearer than any edit", () => {
    expect(nearest("Label", ["Labels", "label"])).toBe("label");
  });

  test("the first of equally near names is chosen", () => {
    expect(nearest("feat3", ["feat1", "feat2"])).toBe("feat1");
  });

  test("a name is never suggested for itself", () => {
    expect(nearest("same", ["same"])).toBeUndefined();
  });

  test("very long names are not compared", () => {
    expect(nearest("a".repeat(5000), ["a".repeat(4999)])).toBeUndefined();
  });

  test("a near name becomes a hint for the user, and otherwise there is none", () => {
    expect(didYouMean("pth", ["path"])).toEqual({ hint: "did you mean `path`?" });
    expect(didYouMean("pth", ["rows"])).toEqual({});
  });
});
