import type { FeatureData } from "../../../shared/domain/step-binding.ts";
import type { SeenFiles } from "../../../shared/extension/feature-draft.ts";

/** What a look at some rows of the input told, beyond the types of its columns. */
export interface DataSample {
  /** By column: the files that its cells hold, or name. Columns without any are left out. */
  readonly files: ReadonlyMap<string, SeenFiles>;
  /** Columns of numbers in which a null was seen. */
  readonly nulls: readonly string[];
  /** Measures of cells for inputs that steps make, by key. */
  readonly measured: Readonly<Record<string, FeatureData>>;
  /** Why the rows could not be looked at; null where they could. */
  readonly failure: string | null;
}

/** Nothing was looked at. */
export const NO_SAMPLE: DataSample = { files: new Map(), nulls: [], measured: {}, failure: null };
