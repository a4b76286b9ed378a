import { describe, expect, test } from "vitest";
import { draftFor } from "../../../extensions/init/draft-job.ts";
import { NO_SAMPLE } from "../../../extensions/init/sample/data-sample.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import type { Dim } from "../../../shared/domain/tensor.ts";
import { aModel, aTensor, fields, fixedList } from "../../unit/coordinator/plan/bind/bind-fixtures.ts";
import { aFolder, bytes, draft, inputsOf, int, LOADED, text } from "../init/draft-fixtures.ts";

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

  test("images are prepared as the folder defines, from bytes rather than texts, with a question if both fit", () => {
    const { std: _none, ...keys } = image;
    const expected = { column: "photo", image: keys };
    expect(inputsOf({ id: int, photo: bytes }, { model, folder: { features: { image } } })).toEqual([
      [expected, 0],
    ]);
    expect(inputsOf({ caption: text, photo: bytes }, { model, folder: { features: { image } } })).toEqual([
      [expected, 1],
    ]);
    const named = inputsOf({ pixel_values: bytes }, { model, folder: { features: { image } } });
    expect(named).toEqual([[{ column: "pixel_values", image: keys }, 0]]);
  });

  test("images are gray where the model takes one channel, whatever the folder's channels", () => {
    const small = { inputs: [aTensor("pixel_values", ["n", 1, 224, 224])], outputs: [] };
    const { std: _none, mean: _three, ...keys } = image;
    const folder = { features: { image: { ...image, mean: null } } };
    expect(inputsOf({ photo: bytes }, { model: small, folder })).toEqual([
      [{ column: "photo", image: { ...keys, channels: "gray" } }, 0],
    ]);
  });

  test("a question is asked when the folder defines no preparation of images", () => {
    const { inputs } = draft({ photo: bytes }, { model });
    expect(inputs).toMatchObject([
      { keys: { column: "photo" }, questions: [expect.stringContaining("`image: {}`")] },
    ]);
  });

  test("a column of numbers is taken where images cannot fit the model", () => {
    const small = { inputs: [aTensor("pixel_values", ["n", 3, 8, 8])], outputs: [] };
    const types = { photo: bytes, pixels: fixedList(192) };
    expect(inputsOf(types, { model: small, folder: { features: { image } } })).toEqual([
      [{ column: "pixels" }, 0],
    ]);
  });

  test("sampled images are preferred to possible ones, and their paths get the folder where they were found", () => {
    const { std: _none, ...keys } = image;
    const files = { path: { what: "images" as const, folder: parseLocation("/data") } };
    const parts = { model, folder: { features: { image } }, files };
    expect(inputsOf({ caption: text, raw: bytes, path: text }, parts)).toEqual([
      [{ column: "path", image: { ...keys, folder: "/data" } }, 0],
    ]);
    const sounds = { raw: { what: "sounds" as const } };
    expect(
      draft({ raw: bytes }, { model, folder: { features: { image } }, files: sounds }).problems,
    ).toHaveLength(1);
  });

  test("sampled images without a defined preparation are scaled to the model's size, with a question", () => {
    const files = { photo: { what: "images" as const, rates: [] } };
    const imageKeys = (dims: readonly Dim[], dtype?: "uint8") => {
      const inputs = [aTensor("photo", ["n", ...dims], dtype)];
      const drafted = draft({ photo: bytes }, { model: { inputs, outputs: [] }, files });
      expect(drafted.problems).toEqual([]);
      const open = dims.some((dim) => typeof dim === "string")
        ? [expect.stringContaining("does not fix the size")]
        : [];
      const maker = expect.stringContaining("how does the model's author");
      expect(drafted.inputs[0]?.questions).toEqual([...open, maker]);
      return drafted.inputs[0]?.keys.image;
    };
    expect(imageKeys([3, 64, 96])).toEqual({ resize: { width: 96, height: 64 } });
    expect(imageKeys([64, 96, 3], "uint8")).toEqual({ resize: { width: 96, height: 64 } });
    expect(imageKeys([1, 28, 28])).toEqual({ resize: { width: 28, height: 28 }, channels: "gray" });
    expect(imageKeys([3, "height", "width"])).toEqual({ resize: { width: 224, height: 224 } });
    expect(imageKeys([1, 64, "width"])).toEqual({ resize: { width: 224, height: 64 }, channels: "gray" });
  });

  test("images are cropped to the model's size, or to the shortest edge, when the folder gives no crop", () => {
    const facts = { ...image, crop: null };
    const cropOf = (dims: readonly Dim[]) => {
      const inputs = [aTensor("pixel_values", ["n", 3, ...dims])];
      const drafted = draft(
        { photo: bytes },
        { model: { inputs, outputs: [] }, folder: { features: { image: facts } } },
      );
      expect(drafted.problems).toEqual([]);
      expect(drafted.inputs[0]?.questions).toEqual([expect.stringContaining("gives no `crop`")]);
      return drafted.inputs[0]?.keys.image;
    };
    expect(cropOf([224, 192])).toMatchObject({
      resize: { shortestEdge: 256 },
      crop: { width: 192, height: 224 },
    });
    expect(cropOf(["height", "width"])).toMatchObject({ crop: { width: 256, height: 256 } });
  });

  test("images without a clear size in the folder get the model's size, with questions", () => {
    const facts = { ...image, resize: null, crop: null };
    const doubt = {
      about: "image",
      where: "preprocessor_config.json: size",
      what: "is one number, for the shorter side or for both",
      found: "224",
    };
    const folder = { ...aFolder({ features: { image: facts } }), doubts: [doubt] };
    const signature = { ...aModel(model) };
    const [input] = draftFor({
      signature,
      folder,
      fields: fields({ photo: bytes }),
      sample: NO_SAMPLE,
      ...{ textCauses: [], classes: {} },
      ...LOADED,
      ran: null,
    }).inputs;
    expect(input?.keys.image).toMatchObject({ resize: { width: 224, height: 224 } });
    expect(input?.questions).toEqual([
      expect.stringContaining("preprocessor_config.json: size is one number"),
      "the folder gives no size: is it 224 x 224?",
    ]);
  });
});
