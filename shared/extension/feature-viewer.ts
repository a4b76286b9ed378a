import type { FeatureOp } from "../domain/step-binding.ts";
import type { Storages } from "../storage/open-storage.ts";

/** Shows the files of cells before and after the feature. Skips files that cannot be shown. */
export type FeatureViewer = (
  cells: readonly unknown[],
  op: Pick<FeatureOp, "cells" | "data">,
  options: ViewOptions,
) => Promise<readonly FileView[]>;

interface ViewOptions {
  readonly storages: Storages;
  /** Form of pictures that the terminal can show. Null: only sizes are shown. */
  readonly preview: PreviewFormat | null;
  readonly signal: AbortSignal;
}

/**
 * File as it is in the column, and as the model gets it. A null `after`: the file cannot become the model's
 * input.
 */
export interface FileView {
  readonly before: Picture;
  readonly after: Picture | null;
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** Preview for a terminal. Null: not requested. */
  readonly preview: Preview | null;
}

/** Scaled-down picture: its RGB pixels in base64, or a PNG in base64. */
export interface Preview {
  readonly kind: "pixels" | "png";
  readonly width: number;
  readonly height: number;
  readonly data: string;
}

/** Form and largest size of pictures that a terminal can show. */
export interface PreviewFormat {
  readonly kind: Preview["kind"];
  readonly width: number;
  readonly height: number;
}
