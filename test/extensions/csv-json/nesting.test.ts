import fc from "fast-check";
import { expect, it } from "vitest";
import { NESTING_MOST, nestsTooDeep } from "../../../extensions/csv-json/nesting.ts";

function levelsOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(levelsOf));
}

/** Texts with brackets, which do not count as levels. */
const text = fc.array(fc.constantFrom('"', "\\", "[", "]", "{", "}", "a", "é"), { maxLength: 8 });
const value = fc.letrec((tie) => ({
  any: fc.oneof({ maxDepth: 6 }, fc.integer(), tie("text"), tie("list"), tie("object")),
  text: text.map((parts) => parts.join("")),
  list: fc.array(tie("any"), { maxLength: 3 }),
  object: fc.dictionary(tie("text") as fc.Arbitrary<string>, tie("any"), { maxKeys: 3 }),
})).any;

it("a value nests too deeply from one level above the limit, regardless of brackets in its texts", () => {
  fc.assert(
    fc.property(value, fc.boolean(), (inner, inLists) => {
      const around = NESTING_MOST - levelsOf(inner);
      const [open, close] = inLists ? ["[", "]"] : ['{"[\\"":', "}"];
      for (const more of [0, 1]) {
        const json = `${open.repeat(around + more)}${JSON.stringify(inner)}${close.repeat(around + more)}`;
        const bytes = Buffer.from(`]]${json}[[`);
        expect(nestsTooDeep(bytes, 2, bytes.length - 2)).toBe(more === 1);
      }
    }),
  );
});
