import type { FeatureData } from "../../../shared/domain/step-binding.ts";
import type { SeenFiles } from "../../../shared/extension/feature-draft.ts";

/** Facts from some rows of the input, beyond column types. */
export interface DataSample {
  /** Files that a column's cells hold or name. Columns without files are absent. */
  readonly files: ReadonlyMap<string, SeenFiles>;
  /** Numeric columns with a null. */
  readonly nulls: readonly string[];
  /** Measurements of cells for inputs that steps make, by key. */
  readonly measured: Readonly<Record<string, FeatureData>>;
  /** Reason why the rows could not be read. Null: they were. */
  readonly failure: string | null;
}

/** Sample without any facts. */
export const NO_SAMPLE: DataSample = { files: new Map(), nulls: [], measured: {}, failure: null };
