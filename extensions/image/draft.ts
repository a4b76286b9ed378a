import type { Field } from "../../shared/domain/dataset.ts";
import { holdsFiles, isText } from "../../shared/domain/file-cells.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import { isFixed, type TensorInfo } from "../../shared/domain/tensor.ts";
import {
  type DraftKeys,
  type DraftWays,
  type FoundWay,
  type InputWay,
  lostQuestions,
  whichColumn,
} from "../../shared/extension/feature-draft.ts";
import type { ImageFacts } from "./op.ts";
import type { Size } from "./pixels.ts";

/** Edge of images for models of any size, because nearly all were trained on it. */
const USUAL_PIXELS = 224;

/**
 * Drafts an image input. Columns that were seen to hold images come first. If the model's folder describes
 * image preparation, unseen columns that may hold files are candidates, too.
 */
const imageWay: InputWay = (tensor, { free, files, folder, fits }) => {
  const image = imageOf(tensor, folder);
  if (image === null) return null;
  const seen = free.filter(({ name }) => files.get(name)?.what === "images");
  const unseen = free.filter(({ name, type }) => holdsFiles(type) && !files.has(name));
  const could = seen.length > 0 || factsOf(folder) === null ? seen : unseen;
  const fitting = could.filter(({ name }) => fits({ column: name, image: image.keys }));
  // A binary column precedes a text column, because texts may be anything.
  const [first] = fitting.toSorted((a, b) => Number(isText(a.type)) - Number(isText(b.type)));
  if (first === undefined) return null;
  const found = files.get(first.name);
  const place = found?.folder ?? null;
  const holds = seen.length > 0 ? "these hold images" : "these could hold images";
  return {
    keys: { column: first.name, image: { ...image.keys, ...(place === null ? {} : { folder: place }) } },
    questions: [...whichColumn(fitting, holds), ...image.questions, ...lostQuestions(found)],
  };
};

/** Returns true when the folder describes the preparation of images for this input. */
function takesImages({ dims }: TensorInfo, folder: ModelFolder | null): boolean {
  return dims.length === 4 && factsOf(folder) !== null;
}

function askForImages({ dims }: TensorInfo, { type }: Field): string | null {
  if (dims.length !== 4 || type.kind !== "binary") return null;
  return "are these image files? If so, add `image: {}` and its keys. Otherwise bytes are read as 0 to 255";
}

/** Ways in which `init` drafts image inputs. */
export const IMAGE_WAYS: DraftWays = { way: imageWay, claims: takesImages, ask: askForImages };

function factsOf(folder: ModelFolder | null): ImageFacts | null {
  const facts = folder?.facts.features.image;
  return facts === undefined ? null : (facts as unknown as ImageFacts);
}

/** Returns the keys of `image` and the questions for an input. Null: not an image input. */
function imageOf(tensor: TensorInfo, folder: ModelFolder | null): FoundWay | null {
  if (tensor.dims.length !== 4) return null;
  const facts = factsOf(folder);
  const { size, edges, isGray } = rowOf(tensor);
  const pixels = size ?? edges;
  if (facts === null) {
    const requested =
      "how does the model's author prepare images? No file gives `resize`, `crop`, `mean` and `std`";
    const open = size === null ? [`the model does not fix the size of images: is it ${textOf(pixels)}?`] : [];
    return {
      keys: { resize: pixels, ...(isGray ? { channels: "gray" } : {}) },
      questions: [...open, requested],
    };
  }
  const doubts = (folder?.doubts ?? []).filter(({ about }) => about === "image");
  const unclear = doubts.map(
    ({ where, what, found }) => `${where} ${what} (${found}): how are images prepared?`,
  );
  const missing = missingOf(facts, size);
  // The files of a folder give no channels of their own, and mean three.
  const gray = isGray ? { channels: "gray" } : {};
  return {
    keys: { ...keysOf(facts), ...missing.keys, ...gray },
    questions: [...unclear, ...missing.questions],
  };
}

/**
 * Returns the size keys that the folder does not give.
 *
 * @param size size that the model takes, or null for any size
 */
function missingOf({ resize, crop }: ImageFacts, size: Size | null): FoundWay {
  if (crop !== null) return { keys: {}, questions: [] };
  if (resize === null) {
    const whole = size ?? { width: USUAL_PIXELS, height: USUAL_PIXELS };
    return { keys: { resize: whole }, questions: [`the folder gives no size: is it ${textOf(whole)}?`] };
  }
  if (!("shortestEdge" in resize)) return { keys: {}, questions: [] };
  const part = size ?? { width: resize.shortestEdge, height: resize.shortestEdge };
  const requested = `the folder gives no \`crop\` with the shortest edge: is it ${textOf(part)} of the centre?`;
  return { keys: { crop: part }, questions: [requested] };
}

function textOf({ width, height }: Size): string {
  return `${width} x ${height}`;
}

/** Splits the dims of an input. If neither end looks like channels, channels come first. */
function rowOf({ dims: [, ...row] }: TensorInfo): {
  readonly size: Size | null;
  /** Size with defaults for open edges. */
  readonly edges: Size;
  readonly isGray: boolean;
} {
  const isChannels = (dim: unknown) => dim === 1 || dim === 3;
  const isLast = isChannels(row[2]) && !isChannels(row[0]);
  const [height, width] = isLast ? row.slice(0, 2) : row.slice(1);
  const size = isFixed(height) && isFixed(width) ? { width, height } : null;
  const [fullHeight, fullWidth] = [height, width].map((edge) => (isFixed(edge) ? edge : USUAL_PIXELS));
  const edges = { width: fullWidth ?? USUAL_PIXELS, height: fullHeight ?? USUAL_PIXELS };
  return { size, edges, isGray: (isLast ? row[2] : row[0]) === 1 };
}

function keysOf({ resize, resample, crop, rescale, mean, std, channels }: ImageFacts): DraftKeys {
  return {
    ...(resize === null ? {} : { resize }),
    ...(resample === null ? {} : { resample }),
    ...(crop === null ? {} : { crop }),
    rescale: rescale ?? 1,
    ...(mean === null ? {} : { mean }),
    ...(std === null ? {} : { std }),
    channels,
  };
}
