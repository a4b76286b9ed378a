import { Binary, type RecordBatch, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { planPixels } from "../../../extensions/image/plan-pixels.ts";
import type { PixelsSpec } from "../../../extensions/image/spec.ts";
import { present } from "../../../shared/core/assert.ts";
import { fieldsOf } from "../../../shared/dataset/fields.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import { mapSpec } from "../../../shared/domain/map-spec.ts";
import type { StepBinding } from "../../../shared/domain/step-binding.ts";
import { applyStep } from "../../../shared/steps/apply-step.ts";
import { openStep } from "../../../shared/steps/open-step.ts";
import { mostPieceBytes, pieceRowsOf } from "../../../worker/steps/piece-rows.ts";
import { stepContract } from "../../contract/step-contract.ts";
import { claimingPng, digestOf, imageFile, PILLOW } from "../../support/image-files.ts";
import { only } from "../../support/sample-table.ts";
import { batchOf } from "../../support/shard-inputs.ts";

const { signal } = new AbortController();

function rowsOf(images: readonly (Uint8Array | null)[]): RecordBatch {
  return batchOf({ photo: only(vectorFromArray(images, new Binary())) });
}

/** Returns the keys of a step, checked as in a job file. */
function specOf(keys: object): PixelsSpec {
  const { prepare } = mapSpec.parse({ prepare: [{ image: { column: "photo", ...keys } }] });
  return (prepare[0] as unknown as { readonly image: PixelsSpec }).image;
}

function planOf(rows: RecordBatch, keys: object): StepBinding {
  const planned = planPixels(specOf(keys), { where: "map.prepare[0].image", fields: fieldsOf(rows.schema) });
  if ("problems" in planned) throw new Error(JSON.stringify(planned.problems));
  const { data, ...rest } = planned;
  return { where: "map.prepare[0].image", op: { kind: "extension", step: "pixels", data }, ...rest };
}

async function run(images: readonly (Uint8Array | null)[], keys: object = {}) {
  const rows = rowsOf(images);
  const plan = planOf(rows, keys);
  await using step = await openStep(plan, { scratchPath: "unused", stores: NO_STORES });
  const { batch, failed } = await applyStep(step, plan, rows, signal);
  const column = (name: string) => present(batch.getChild(name), name);
  return { failed, column, pixels: (row: number) => column("pixels").get(row)?.toArray() };
}

describe("the step image", () => {
  it("makes the pixels and sizes of all encodings that Pillow decodes", async () => {
    const names = Object.keys(PILLOW.decoded);
    const files = names.map(imageFile);
    const [upright, flat, gray] = await Promise.all([
      run(files),
      run(files, { orient: false }),
      run(files, { orient: false, channels: "gray" }),
    ]);
    for (const [row, name] of names.entries()) {
      const known = present(PILLOW.decoded[name], name);
      expect(digestOf(flat.pixels(row)), name).toBe(known.rgb);
      expect(digestOf(gray.pixels(row)), name).toBe(known.gray);
      expect(digestOf(upright.pixels(row)), name).toBe(known.turned.rgb);
      const size = ["pixels_width", "pixels_height"].map((edge) => upright.column(edge).get(row));
      expect(size, name).toEqual(known.turned.size);
      expect(
        ["pixels_file_width", "pixels_file_height"].map((edge) => upright.column(edge).get(row)),
      ).toEqual(size);
    }
    expect(names.length).toBeGreaterThanOrEqual(22);
    expect([upright.failed, flat.failed, gray.failed]).toEqual([[], [], []]);
  });

  it("scales and crops as Pillow does, and keeps the size of the file beside it", async () => {
    const keys = { resize: { width: 30, height: 21 }, resample: "bicubic", as: "small" };
    const { column, failed } = await run([imageFile("rgb.png")], keys);
    expect(failed).toEqual([]);
    const [width, height] = present(PILLOW.decoded["rgb.png"], "rgb.png").size;
    expect(["small_width", "small_height"].map((name) => column(name).get(0))).toEqual([30, 21]);
    expect(["small_file_width", "small_file_height"].map((name) => column(name).get(0))).toEqual([
      width,
      height,
    ]);
    expect(column("small").get(0)?.length).toBe(30 * 21 * 3);
  });

  it("floats are the pixels by rescale, mean and std, in either layout", async () => {
    const bytes = (await run([imageFile("rgb.png")])).pixels(0) as Uint8Array;
    const count = bytes.length / 3;
    const keys = { dtype: "float32", mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 2] };
    const [nhwc, nchw] = await Promise.all([
      run([imageFile("rgb.png")], keys),
      run([imageFile("rgb.png")], { ...keys, layout: "nchw", channels: "bgr" }),
    ]);
    const expected = (at: number, mean: number, std: number) => ((bytes[at] ?? 0) / 255 - mean) / std;
    for (const pixel of [0, 1, count - 1]) {
      expect(nhwc.pixels(0)[3 * pixel + 1]).toBeCloseTo(expected(3 * pixel + 1, 0.2, 0.25), 6);
      expect(nchw.pixels(0)[pixel]).toBeCloseTo(expected(3 * pixel + 2, 0.1, 0.5), 6);
      expect(nchw.pixels(0)[2 * count + pixel]).toBeCloseTo(expected(3 * pixel, 0.3, 2), 6);
    }
  });

  it("rows without a usable image are dead letters with typed reasons, and others are not affected", async () => {
    const file = imageFile("rgb.png");
    const [width, height] = present(PILLOW.decoded["rgb.png"], "rgb.png").size;
    const images = [file, null, file.subarray(0, 200), new Uint8Array(5), claimingPng(2000, 2000), file];
    const { failed, pixels } = await run(images, { maxBytes: `${width * height * 3}B` });
    expect(failed).toMatchObject([
      { row: 1, code: "ROW_NULL" },
      { row: 2, code: "ROW_VALUE", message: expect.stringContaining("damaged") },
      { row: 3, code: "ROW_VALUE" },
      { row: 4, code: "ROW_LENGTH", message: expect.stringContaining("is 2000 x 2000 and becomes 11.4 MiB") },
    ]);
    expect(pixels(5)).toEqual(pixels(0));
    expect(digestOf(pixels(5))).toBe(PILLOW.decoded["rgb.png"]?.turned.rgb);
  });

  it("a long strip is refused before it is scaled beyond the limit", async () => {
    const { failed } = await run([claimingPng(60_000, 1)], { resize: { shortestEdge: 256 } });
    expect(failed).toMatchObject([
      { code: "ROW_LENGTH", message: expect.stringMatching(/60000 x 1 and becomes .* GiB/) },
    ]);
  });
});

it("an image of 100 megapixels is refused without its memory, and scaled on request", async () => {
  const { default: sharp } = await import("sharp");
  const create = { width: 10_000, height: 10_000, channels: 3, background: "#204060" } as const;
  const file = await sharp({ create }).png().toBuffer();
  expect((await run([file])).failed).toMatchObject([
    {
      code: "ROW_VALUE",
      message: expect.stringContaining("declares 10000 x 10000 pixels, more than 67108864"),
    },
  ]);
  const before = process.resourceUsage().maxRSS;
  const maxPixels = 200_000_000;
  expect((await run([file, file], { maxPixels })).failed).toMatchObject([
    { code: "ROW_LENGTH", message: expect.stringContaining("becomes 286.1 MiB") },
    { code: "ROW_LENGTH" },
  ]);
  const grownKib = process.resourceUsage().maxRSS - before;
  expect(grownKib).toBeLessThan(100 * 1024);
  const scaled = await run([file], { maxPixels, resize: { width: 4, height: 4 }, maxBytes: "48B" });
  expect(scaled.failed).toEqual([]);
  expect([...scaled.pixels(0).subarray(0, 3)]).toEqual([0x20, 0x40, 0x60]);
});

describe("the plan of the step image", () => {
  const fields = fieldsOf(rowsOf([]).schema);
  const planned = (keys: object, others: readonly string[] = []) => {
    const more = others.map((name) => ({ name, type: { kind: "string" }, nullable: true }) as const);
    return planPixels(specOf(keys), { where: "step", fields: [...fields, ...more] });
  };

  it("images of one size are lists of fixed length, and others are lists", () => {
    const typeOf = (keys: object) => {
      const plan = planned(keys);
      return "columns" in plan ? plan.columns.find(({ name }) => name === "pixels")?.type : plan;
    };
    const uint8 = { kind: "numeric", type: "uint8" };
    expect(typeOf({})).toEqual({ kind: "list", item: uint8 });
    expect(typeOf({ resize: { shortestEdge: 10 } })).toEqual({ kind: "list", item: uint8 });
    expect(typeOf({ resize: { longestEdge: 10 }, channels: "gray" })).toEqual({
      kind: "fixedList",
      item: uint8,
      length: 100,
    });
    expect(typeOf({ crop: { width: 4, height: 5 }, dtype: "float16" })).toEqual({
      kind: "fixedList",
      item: { kind: "numeric", type: "float16" },
      length: 60,
    });
  });

  it("columns that exist, another type and a limit below each image are problems", () => {
    expect(planned({ as: "photo" })).toMatchObject({
      problems: [{ what: expect.stringContaining("photo") }],
    });
    expect(planned({}, ["pixels_width"])).toMatchObject({ problems: [{ where: "step" }] });
    expect(planned({ column: "phot" })).toMatchObject({ problems: [{ where: "step.column" }] });
    expect(planned({ resize: { width: 100, height: 100 }, maxBytes: "1KiB" })).toMatchObject({
      problems: [{ where: "step.maxBytes", expected: "at least 29.3 KiB", found: "1.0 KiB" }],
    });
  });

  it("bytes are unchanged pixels, and sizes have limits", () => {
    const problemOf = (keys: object) =>
      mapSpec.safeParse({ prepare: [{ image: { column: "photo", ...keys } }] }).error?.issues[0];
    expect(problemOf({ mean: 0.5 })).toMatchObject({ path: ["prepare", 0, "image", "dtype"] });
    expect(problemOf({ mean: 0.5, dtype: "float32" })).toBeUndefined();
    expect(problemOf({ maxBytes: "2GiB" })).toMatchObject({ path: ["prepare", 0, "image", "maxBytes"] });
    expect(problemOf({ window: 3 })).toBeDefined();
  });

  it("a piece of rows stays within a bound, whatever the sizes of the images", () => {
    const step = (keys: object) => planOf(rowsOf([]), keys);
    const columns = { where: "map.prepare", reads: [], columns: [] };
    const most = (...steps: StepBinding[]) => pieceRowsOf(steps, columns).most;
    expect(most(step({}))).toBe(4);
    expect(mostPieceBytes([step({})], 4)).toBe(512 << 20);
    expect(most(step({ maxBytes: "1GiB" }))).toBe(1);
    expect(most(step({}), step({ as: "again" }))).toBe(2);
    expect(most(step({ resize: { width: 1000, height: 1000 } }))).toBe(16);
  });
});

for (const [name, keys] of [
  ["images to lists of bytes", {}],
  ["images to floats of one size", { dtype: "float32", resize: { width: 6, height: 5 }, layout: "nchw" }],
  ["images to halves of a shortest edge", { dtype: "float16", resize: { shortestEdge: 7 } }],
] as const) {
  stepContract(name, async () => {
    const files = ["rgb.png", "rgb.jpg", "alpha.webp", "cmyk.jpg", "deep.png"];
    const rows = rowsOf(
      Array.from({ length: 20 }, (_, row) => {
        const bytes = imageFile(files[row % files.length] ?? "");
        return row % 7 === 3 ? null : row % 6 === 5 ? bytes.subarray(0, 100) : bytes;
      }),
    );
    const plan = planOf(rows, keys);
    return { plan, open: (options) => openStep(plan, options), rows };
  });
}
