import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { didYouMean, editDistance, nearest } from "../../../../shared/core/nearest.ts";

describe("edit distance", () => {
  test.each([
    ["", "", 0],
    ["abc", "", 3],
    ["scal", "scale", 1],
    ["argmx", "argmax", 1],
    ["bacth", "batch", 1],
    ["kitten", "sitting", 3],
  ])("from %j to %j it is %d", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  test("is zero for equal texts only, the same both ways, and at most the longer length", () => {
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
  test("is the one with the fewest edits", () => {
    expect(nearest("pixls", ["label", "pixel", "pixels"])).toBe("pixels");
  });

  test("is nothing when all are far", () => {
    expect(nearest("image", ["pixels", "label", "x"])).toBeUndefined();
  });

  test("in three letters, a changed one makes another name, a lost or swapped one does not", () => {
    expect(nearest("gpu", ["cpu"])).toBeUndefined();
    expect(nearest("x", ["y"])).toBeUndefined();
    expect(nearest("pth", ["path"])).toBe("path");
    expect(nearest("cup", ["cpu"])).toBe("cpu");
  });

  test("a difference in case alone is nearer than any edit", () => {
    expect(nearest("Label", ["Labels", "label"])).toBe("label");
  });

  test("of equally near names the first wins", () => {
    expect(nearest("feat3", ["feat1", "feat2"])).toBe("feat1");
  });

  test("a name is never near itself: that would be no help", () => {
    expect(nearest("same", ["same"])).toBeUndefined();
  });

  test("very long names are not compared", () => {
    expect(nearest("a".repeat(5000), ["a".repeat(4999)])).toBeUndefined();
  });

  test("becomes a question for the user, or nothing", () => {
    expect(didYouMean("pth", ["path"])).toEqual({ hint: "did you mean `path`?" });
    expect(didYouMean("pth", ["rows"])).toEqual({});
  });
});
