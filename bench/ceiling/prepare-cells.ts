import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ImageDecoder } from "../../extensions/image/decode.ts";
import { fitted } from "../../extensions/image/fitted.ts";
import type { ImagePlan } from "../../extensions/image/op.ts";
import type { Pixels } from "../../extensions/image/pixels.ts";
import { ValueWriter, valuesPerImage } from "../../extensions/image/values.ts";
import { type Encoding, TextTokenizer } from "../../extensions/text/text-tokenizer.ts";
import { NEVER } from "../../shared/core/abort.ts";
import type { WorkloadImage, WorkloadInput } from "../workloads/recipe.ts";
import type { Workload } from "../workloads/workload.ts";

/** Values of one input for a row. */
export type LoopValues = Float32Array | BigInt64Array;

/** Makes a row's values of each cell of a column, one cell after the other. */
export type PrepareCells = (cells: readonly unknown[]) => Promise<readonly LoopValues[]>;

/**
 * Returns the function that prepares an input's texts or pictures, written plainly with the same libraries.
 * Null: the input's column has its numbers already.
 */
export async function openPrepareCells(
  { folder }: Pick<Workload, "folder">,
  { tokenizer, image }: WorkloadInput,
): Promise<PrepareCells | null> {
  if (image !== undefined) return preparePictures(image);
  if (tokenizer === undefined) return null;
  const { file, maxTokens } = tokenizer;
  const json = await readFile(join(folder, file), "utf8");
  const texts = TextTokenizer.open(json, { maxTokens, truncation: "right", specialTokens: true });
  return async (cells) => (await texts.encode(cells.map(String), NEVER)).map(idsOf);
}

function idsOf(encoding: Encoding | Error): BigInt64Array {
  if (encoding instanceof Error) throw encoding;
  return BigInt64Array.from(encoding.getIds(), BigInt);
}

/** Decodes, scales, crops and looks up pixels, with a run's own functions for one picture. */
function preparePictures(image: WorkloadImage): PrepareCells {
  const plan = planOf(image);
  const writer = new ValueWriter(plan);
  const decoder = new ImageDecoder();
  return async (cells) => {
    const made: Float32Array[] = [];
    for (const cell of cells) {
      if (!(cell instanceof Uint8Array)) throw new Error("a cell has no picture");
      const values = new Float32Array(valuesPerImage(plan));
      const write = (image: Pixels) => {
        const pixels = fitted(image, plan);
        if (pixels === null) throw new Error("the size of a picture differs from that of the model");
        writer.write(pixels, values, 0);
      };
      const decoded = await decoder.decode(cell, plan, write, NEVER);
      if (decoded.kind === "refused") throw new Error(`a picture ${decoded.why}`);
      made.push(values);
    }
    return made;
  };
}

function planOf({ resize, crop, channels, rescale, mean }: WorkloadImage): ImagePlan {
  return {
    resize: { kind: "exact", ...resize },
    crop,
    resample: "bilinear",
    channels,
    layout: "nhwc",
    dtype: "float32",
    rescale,
    mean,
    std: mean.map(() => 1),
    orient: true,
    maxPixels: 1 << 26,
    ...crop,
  };
}
