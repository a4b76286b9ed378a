import { describe, expect, test } from "vitest";
import { aTensor, fixedList } from "../plan/bind/bind-fixtures.ts";
import { bytes, draft, inputsOf, int, text } from "./draft-fixtures.ts";

describe("images in a drafted job", () => {
  const image = {
    resize: { shortestEdge: 256 },
    resample: "bicubic",
    crop: { width: 224, height: 224 },
    rescale: 1 / 255,
    mean: [0.5, 0.5, 0.5],
    std: null,
    channels: "rgb",
  } as const;
  const model = { inputs: [aTensor("pixel_values", ["n", 3, 224, 224])], outputs: [] };

  test("are prepared as the folder says, from bytes before texts, and asked about where both could hold them", () => {
    const { std: _none, ...keys } = image;
    const expected = { column: "photo", image: keys };
    expect(inputsOf({ id: int, photo: bytes }, { model, folder: { image } })).toEqual([[expected, 0]]);
    expect(inputsOf({ caption: text, photo: bytes }, { model, folder: { image } })).toEqual([[expected, 1]]);
    const named = inputsOf({ pixel_values: bytes }, { model, folder: { image } });
    expect(named).toEqual([[{ column: "pixel_values", image: keys }, 0]]);
  });

  test("are asked about where the folder says nothing", () => {
    const { inputs } = draft({ photo: bytes }, { model });
    expect(inputs).toMatchObject([
      { keys: { column: "photo" }, questions: [expect.stringContaining("`image: {}`")] },
    ]);
  });

  test("are no choice where they cannot fit the model: pixels in numbers are", () => {
    const small = { inputs: [aTensor("pixel_values", ["n", 3, 8, 8])], outputs: [] };
    const types = { photo: bytes, pixels: fixedList(192) };
    expect(inputsOf(types, { model: small, folder: { image } })).toEqual([[{ column: "pixels" }, 0]]);
  });
});
