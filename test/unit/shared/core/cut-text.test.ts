import fc from "fast-check";
import { expect, test } from "vitest";
import { cutText } from "../../../../shared/core/cut-text.ts";

test("a text within the byte limit is unchanged, and a longer text is cut and ends with an ellipsis", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  fc.assert(
    fc.property(text, fc.integer({ min: 4, max: 60 }), (whole, maxBytes) => {
      const cut = cutText(whole, maxBytes);
      if (Buffer.byteLength(whole) <= maxBytes) return cut === whole;
      const kept = cut.slice(0, -1);
      // No shorter than a character of four bytes requires.
      const bytes = Buffer.byteLength(cut);
      expect(bytes <= maxBytes && bytes > maxBytes - 4).toBe(true);
      return cut.endsWith("…") && whole.startsWith(kept) && !cut.includes("\ufffd");
    }),
  );
});
