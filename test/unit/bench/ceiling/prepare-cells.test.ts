import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { openPrepareCells } from "../../../../bench/ceiling/prepare-cells.ts";
import type { WorkloadInput } from "../../../../bench/workloads/recipe.ts";
import { TOKENIZERS_PATH } from "../../../support/tokenizers/path.ts";

const PLACE = { folder: TOKENIZERS_PATH };
const NUMBERS: WorkloadInput = {
  ...{ tensor: "x", dtype: "float32", columns: ["x"], rowDims: [1], scale: 1 },
};
const TEXTS: WorkloadInput = {
  ...{ tensor: "ids", dtype: "int64", columns: ["text"], rowDims: [null], scale: 1 },
  tokenizer: { file: "wordpiece.json", maxTokens: 4 },
};
const PICTURES: WorkloadInput = {
  ...{ tensor: "picture", dtype: "float32", columns: ["file"], rowDims: [2, 2, 3], scale: 1 },
  image: {
    ...{ resize: { width: 4, height: 4 }, crop: { width: 2, height: 2 } },
    ...{ channels: "bgr", rescale: 1, mean: [1, 2, 3] },
  },
};

describe("the preparation of cells in a bare loop", () => {
  test("texts become token ids, at most as many as the model takes", async () => {
    const prepare = await openPrepareCells(PLACE, TEXTS);
    const [short, long] = (await prepare?.(["the", "the ".repeat(50)])) ?? [];
    expect(short).toHaveLength(3);
    expect(long).toHaveLength(4);
    expect([long?.[0], long?.[1], long?.[3]]).toEqual([...(short ?? [])]);
  });

  test("pictures become pixels in the model's size and channel order, minus the mean", async () => {
    const background = { r: 100, g: 50, b: 10 };
    const file = await sharp({ create: { width: 9, height: 7, channels: 3, background } })
      .png()
      .toBuffer();
    const prepare = await openPrepareCells(PLACE, PICTURES);
    const pixel = [9, 48, 97];
    expect(await prepare?.([file])).toEqual([Float32Array.of(...pixel, ...pixel, ...pixel, ...pixel)]);
  });

  test("a cell that is not a picture fails the loop, as skipping it would look faster", async () => {
    const prepare = await openPrepareCells(PLACE, PICTURES);
    await expect(prepare?.([Buffer.from("no picture")])).rejects.toThrow("is not a JPEG");
  });

  test("numbers need no preparation", async () => {
    expect(await openPrepareCells(PLACE, NUMBERS)).toBeNull();
  });
});
