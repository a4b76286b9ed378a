import type { ImageFacts } from "../../shared/domain/model-folder.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import { holdsFiles, isText } from "./field-kinds.ts";
import { type InputWay, whichColumn } from "./input-way.ts";
import type { DraftKeys } from "./try-bind.ts";

/** Where the folder says how images are prepared, a column of files is what it means. */
export const imageWay: InputWay = (tensor, { folder, free, fits }) => {
  const image = imageKeys(tensor, folder?.facts.image ?? null);
  if (image === null) return null;
  const fitting = free.filter(({ name, type }) => holdsFiles(type) && fits({ column: name, image }));
  // Bytes are files; a text may be anything.
  const [first] = fitting.toSorted((a, b) => Number(isText(a.type)) - Number(isText(b.type)));
  if (first === undefined) return null;
  return {
    keys: { column: first.name, image },
    questions: whichColumn(fitting, "these could hold images"),
  };
};

/** `image` of an input, as the folder of the model has it; null where the input takes no images. */
export function imageKeys({ dims }: TensorInfo, facts: ImageFacts | null): DraftKeys | null {
  if (facts === null || dims.length !== 4) return null;
  const { resize, resample, crop, rescale, mean, std, channels } = facts;
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
