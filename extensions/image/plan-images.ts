import { PLACE_LENGTH, placeColumn } from "../../shared/boxes/place.ts";
import {
  type Dim,
  type ElementType,
  formatDims,
  isFixed,
  MAX_ROW_VALUES,
  product,
} from "../../shared/domain/tensor.ts";
import type { FeaturePlanner } from "../../shared/extension/feature.ts";
import { type ReportImage, withFolderImage } from "./folder-image.ts";
import { fixedSize, pixelsPlan } from "./image-plan.ts";
import { channelCount, IMAGE_DTYPES, type ImageDtype, type ImagePlan, type PixelsPlan } from "./op.ts";
import type { Size } from "./pixels.ts";
import { type ImageSpec, isPlain } from "./spec.ts";

/** ONNX input for images. */
interface ImageTensor {
  readonly name: string;
  readonly dtype: ElementType;
  /** Dims without the batch. */
  readonly dims: readonly Dim[];
}

interface PlannedImages {
  readonly plan: ImagePlan;
  /** Dims of the tensor without the batch, all fixed. */
  readonly rowDims: readonly number[];
}

/** Plans a column of images as the values of a tensor. */
export const planImageInput: FeaturePlanner = (said, { column, tensor, folder, report }) => {
  const spec = withFolderImage(said as unknown as ImageSpec, folder, report);
  const planned = planImages(spec, tensor, report);
  if (planned === null) return null;
  const { plan, rowDims } = planned;
  const item = { kind: "numeric", type: plan.dtype } as const;
  const type = { kind: "fixedList", item, length: product(rowDims) } as const;
  const number = { kind: "numeric", type: "float64" } as const;
  const place = { kind: "fixedList", item: number, length: PLACE_LENGTH } as const;
  const columns = [
    { name: column, type, nullable: false },
    { name: placeColumn(column), type: place, nullable: false },
  ];
  return { data: { ...plan }, rowDims, columns };
};

/** Fits the job's image keys to the model's input. Null: they do not fit, and the problems are reported. */
export function planImages(spec: ImageSpec, tensor: ImageTensor, report: ReportImage): PlannedImages | null {
  return new ImagePlanner(spec, tensor, report).plan();
}

class ImagePlanner {
  readonly #spec: ImageSpec;
  readonly #tensor: ImageTensor;
  readonly #report: ReportImage;
  /** Channels of the tensor. */
  readonly #channels: 1 | 3;
  readonly #layout: ImagePlan["layout"];

  constructor(spec: ImageSpec, tensor: ImageTensor, report: ReportImage) {
    this.#spec = spec;
    this.#tensor = tensor;
    this.#report = report;
    this.#channels = channelCount(spec.channels);
    this.#layout = spec.layout ?? (this.#endsInChannels() ? "nhwc" : "nchw");
  }

  plan(): PlannedImages | null {
    const dtype = this.#dtype();
    const plan = pixelsPlan(this.#spec, { dtype: dtype ?? "float32", layout: this.#layout });
    const size = this.#size(plan);
    const rowDims = size === null ? null : this.#rowDims(size);
    if (dtype === null || size === null || rowDims === null) return null;
    return { plan: { ...plan, width: size.width, height: size.height }, rowDims };
  }

  /** Returns true when the last dim equals the number of channels, and the first one differs. */
  #endsInChannels(): boolean {
    const [first, , last] = this.#tensor.dims;
    return last === this.#channels && first !== this.#channels;
  }

  #dtype(): ImageDtype | null {
    const { name, dtype } = this.#tensor;
    const found = IMAGE_DTYPES.find((known) => known === dtype);
    if (found === undefined) {
      const expected = `a tensor of ${IMAGE_DTYPES.join(", ")}`;
      this.#report([], {
        what: "images cannot become this input",
        expected,
        found: `\`${name}\`: ${dtype}`,
      });
      return null;
    }
    if (found === "uint8" && !isPlain(this.#spec)) {
      const what = "`rescale`, `mean` and `std` do not make bytes";
      this.#report([], {
        what,
        expected: `none of these keys: \`${name}\` is uint8, and takes unchanged pixels`,
      });
    }
    return found;
  }

  /** Returns the size of every image after resize and crop, else the model's size. */
  #size(plan: PixelsPlan): Size | null {
    const size = fixedSize(plan);
    if (size !== null) return size;
    if (plan.resize === null) return this.#modelSize();
    this.#report(["resize"], {
      what: "the images keep different sizes",
      expected: "`crop` with `shortestEdge`",
      hint: "to scale without a crop, give `width` and `height`, or `longestEdge` with `pad`",
    });
    return null;
  }

  #modelSize(): Size | null {
    const { name, dims } = this.#tensor;
    const [height, width] = this.#layout === "nchw" ? dims.slice(-2) : dims.slice(0, 2);
    if (isFixed(height) && isFixed(width)) return { width, height };
    this.#report([], {
      what: `the model does not fix the size of images in \`${name}\``,
      expected: "`resize` or `crop`",
      found: `${formatDims(dims)} after the batch`,
    });
    return null;
  }

  /** Returns the dims of images, if the model takes them. Grey images may omit the channel dim. */
  #rowDims({ width, height }: Size): readonly number[] | null {
    const { name, dims } = this.#tensor;
    const inLayout = { nchw: [this.#channels, height, width], nhwc: [height, width, this.#channels] };
    const rowDims = dims.length === 2 && this.#channels === 1 ? [height, width] : inLayout[this.#layout];
    if (takes(dims, rowDims) && product(rowDims) <= MAX_ROW_VALUES) return rowDims;
    const other = this.#layout === "nchw" ? "nhwc" : "nchw";
    this.#report([], {
      what: `images do not have the shape of the model's input \`${name}\``,
      expected: `${formatDims(dims)} after the batch`,
      found: `${formatDims(rowDims)}, ${this.#layout}`,
      hint: takes(dims, inLayout[other])
        ? `set \`layout: ${other}\``
        : "change the shape with `resize`, `crop`, `channels` or `layout`",
    });
    return null;
  }
}

function takes(dims: readonly Dim[], rowDims: readonly number[]): boolean {
  return dims.length === rowDims.length && dims.every((dim, at) => !isFixed(dim) || dim === rowDims[at]);
}
