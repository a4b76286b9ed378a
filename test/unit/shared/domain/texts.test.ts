import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openTexts, packTexts, TextsWriter, unpackTexts } from "../../../../shared/domain/texts.ts";
import { placeBatch, rowsFirst } from "../../../../worker/tensorize/batch-axis.ts";

/** Texts of any script, with emoji and empty ones, but without lone surrogates, which UTF-8 cannot encode. */
const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), fc.constant("\uFEFFmark"));
const texts = fc.array(text, { maxLength: 12 });

describe("packed texts", () => {
  test("texts are unpacked unchanged, whatever their script", () => {
    fc.assert(
      fc.property(texts, (all) => {
        expect(unpackTexts(packTexts(all), all.length)).toEqual(all);
      }),
    );
  });

  test("texts are written one by one, and the last ones can be repeated", () => {
    fc.assert(
      fc.property(texts, fc.nat(12), (all, more) => {
        const count = Math.min(more, all.length);
        const writer = new TextsWriter(all.length + count);
        for (const one of all) writer.append(new TextEncoder().encode(one));
        writer.repeat(count);
        const expected = [...all, ...all.slice(all.length - count)];
        expect(unpackTexts(writer.finish(), expected.length)).toEqual(expected);
      }),
    );
  });

  test("bytes that are not UTF-8 become a replacement character, and the other texts are unchanged", () => {
    const writer = new TextsWriter(3);
    // The first half of a character, and the second half of another.
    writer.append(Uint8Array.of(0xe6, 0x9d));
    writer.append(Uint8Array.of(0xb1, 0x61));
    writer.append(new TextEncoder().encode("東"));
    expect(unpackTexts(writer.finish(), 3)).toEqual(["\uFFFD", "\uFFFDa", "東"]);
  });

  test("the batch axis of texts is moved to its place and back, as for numbers", () => {
    const data = packTexts(["a0", "a1", "b0", "b1", "c0", "c1"]);
    const placed = placeBatch({ dtype: "string", dims: [3, 2], data }, 1);
    expect([placed.dims, unpackTexts(placed.data, 6)]).toEqual([
      [2, 3],
      ["a0", "b0", "c0", "a1", "b1", "c1"],
    ]);
    const back = rowsFirst(placed, 1);
    expect([back.dims, unpackTexts(back.data, 6)]).toEqual([[3, 2], unpackTexts(data, 6)]);
    expect(openTexts(data, 6).offsets).toHaveLength(7);
  });
});
