import type { ErrorData } from "../../shared/core/errors.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";
import type { ElementType } from "../../shared/domain/tensor.ts";
import type { FileView } from "../../shared/extension/feature-viewer.ts";
import type { TokensView } from "../../shared/extension/step-viewer.ts";

/** Trace of one input row through a job. Plain JSON. Long values and lists of parts are truncated. */
export interface RowTrace {
  /** Index in the input, over all files in order. Pruned and skipped rows count. */
  readonly row: number;
  readonly file: string;
  /** Index in the file. */
  readonly fileRow: number;
  /** Columns that the job reads. */
  readonly read: Shown;
  readonly prepare: readonly StepTrace[];
  readonly runs: readonly RunTrace[];
  readonly finish: readonly StepTrace[];
  readonly fate: RowFate;
}

/** Outcome of a row. */
export type RowFate =
  | { readonly kind: "published"; readonly rows: Shown }
  /** Filtered by `input.where` or a step, whose key in the job file is `by`. */
  | { readonly kind: "filtered"; readonly by: string }
  | {
      readonly kind: "deadLetter";
      readonly stage: string;
      readonly code: string;
      readonly message: string;
    }
  /** The row would fail the job. */
  | { readonly kind: "failed"; readonly error: ErrorData };

/** Rows of some columns. */
export interface Shown {
  readonly columns: readonly ShownColumn[];
  readonly rows: number;
}

/** Column with its values in the first rows. */
export interface ShownColumn {
  readonly name: string;
  readonly type: FieldType;
  readonly values: readonly ShownValue[];
}

/** Value. A long one is truncated, with its length. */
export type ShownValue =
  | null
  | boolean
  | number
  | string
  | readonly ShownValue[]
  | LongValue
  | { readonly [name: string]: ShownValue };

/** Truncated value. `first` is a list, a text, or the hex digits of bytes. */
export interface LongValue {
  readonly long: "items" | "characters" | "bytes";
  readonly length: number;
  /** Range of a list of numbers. Null: another value. */
  readonly range: Range | null;
  readonly first: ShownValue;
}

/** Effect of a step on its input rows. */
export interface StepTrace {
  /** Key of the step in the job file. */
  readonly where: string;
  readonly kind: string;
  readonly rowsIn: number;
  /** Columns that the step made, in its output rows. */
  readonly made: Shown;
  readonly failed: readonly { readonly row: number; readonly code: string; readonly message: string }[];
  /** Tokens of each row, for a tokenizer. */
  readonly tokens: readonly TokensView[];
  /** Views of the files, by row. Null: the step reads no displayable files. */
  readonly pictures: readonly FileView[] | null;
}

/** Range of the finite ones of some numbers. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

/** One run of the model. */
export interface RunTrace {
  readonly inputs: readonly TensorTrace[];
  /** Outputs. Empty after a failure. */
  readonly outputs: readonly TensorTrace[];
}

export interface TensorTrace {
  readonly name: string;
  readonly dtype: ElementType;
  readonly dims: readonly number[];
  /** Range of the finite numbers. Null: none. */
  readonly range: Range | null;
  /** Count of numbers that are NaN or infinite. */
  readonly notFinite: number;
  /** First values of the tensor. */
  readonly first: readonly (number | string)[];
}
