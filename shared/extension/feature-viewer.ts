import type { FeatureOp } from "../domain/step-binding.ts";
import type { Storages } from "../storage/open-storage.ts";

/** Shows the files of cells, and what becomes of them. Files that cannot be shown are left out. */
export type FeatureViewer = (
  cells: readonly unknown[],
  op: Pick<FeatureOp, "cells" | "data">,
  options: ViewOptions,
) => Promise<readonly FileView[]>;

interface ViewOptions {
  readonly storages: Storages;
  /** Form of pictures that the terminal can show. Null: only sizes are told. */
  readonly preview: PreviewFormat | null;
  readonly signal: AbortSignal;
}

/** A file as it is in the column, and as the model sees it. Null: it does not become what the model takes. */
export interface FileView {
  readonly before: Picture;
  readonly after: Picture | null;
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** For a terminal. Null: nobody asked for it. */
  readonly preview: Preview | null;
}

/** A picture made small: its pixels, red, green and blue, in base64; or a PNG, in base64. */
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
