import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatKeyPath, parseKeyPath } from "../../../../shared/job-file/key-path.ts";

describe("a key path", () => {
  test("a path is shown with dots, list positions in brackets and unusual keys in quotes", () => {
    expect(formatKeyPath(["map", "inputs", "a.b", "columns", 0])).toBe('map.inputs."a.b".columns[0]');
  });

  test("a path is read up to the equals sign", () => {
    expect(parseKeyPath('map.inputs."a.b=c".column=x=y')).toEqual({
      path: ["map", "inputs", "a.b=c", "column"],
      end: 'map.inputs."a.b=c".column'.length,
    });
  });

  test.each(["", "=x", ".a", "a.", "a..b", "a b", '"a', "a.[0", "[0]", 'a"b"', '"\\x"'])(
    "%j is not a key path",
    (text) => {
      expect(parseKeyPath(text)).toBeNull();
    },
  );

  test("a formatted path is read back unchanged", () => {
    const key = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(".", '"', "[", "]", "=", "\\", " ", "a") }),
    );
    const path = fc
      .tuple(key, fc.array(fc.oneof(key, fc.nat({ max: 999_999_999 }))))
      .map(([first, rest]) => [first, ...rest]);
    fc.assert(
      fc.property(path, (keys) => {
        const text = formatKeyPath(keys);
        expect(parseKeyPath(text)).toEqual({ path: keys, end: text.length });
      }),
    );
  });

  test("reading a path never throws", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'a."[]=0\\ ') }), (text) => void parseKeyPath(text)),
    );
  });
});
