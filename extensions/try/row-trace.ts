import type { ErrorData } from "../../shared/core/errors.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";
import type { ElementType } from "../../shared/domain/tensor.ts";
import type { FileView } from "../../shared/extension/feature-viewer.ts";
import type { TokensView } from "../../shared/extension/step-viewer.ts";

/**
 * The way of one row of the input through a job, as it was watched: plain JSON. Only what people look at of
 * long values and of many parts is in it.
 */
export interface RowTrace {
  /** Its place in the input, over the files in their order, pruned and skipped rows too. */
  readonly row: number;
  readonly file: string;
  /** Its place in that file. */
  readonly fileRow: number;
  /** The columns that the job reads. */
  readonly read: Shown;
  readonly prepare: readonly StepTrace[];
  readonly runs: readonly RunTrace[];
  readonly finish: readonly StepTrace[];
  readonly fate: RowFate;
}

/** What becomes of a row in the end. */
export type RowFate =
  | { readonly kind: "published"; readonly rows: Shown }
  /** By `input.where`, or a step: its key in the job file. */
  | { readonly kind: "filtered"; readonly by: string }
  | {
      readonly kind: "deadLetter";
      readonly stage: string;
      readonly code: string;
      readonly message: string;
    }
  /** It would fail the job. */
  | { readonly kind: "failed"; readonly error: ErrorData };

/** Some rows of some columns. */
export interface Shown {
  readonly columns: readonly ShownColumn[];
  readonly rows: number;
}

/** A column, and its values in the first rows. */
export interface ShownColumn {
  readonly name: string;
  readonly type: FieldType;
  readonly values: readonly ShownValue[];
}

/** A value; of a long one its beginning, and how long it is. */
export type ShownValue =
  | null
  | boolean
  | number
  | string
  | readonly ShownValue[]
  | LongValue
  | { readonly [name: string]: ShownValue };

/** `first` of a list is a list, of a text a text, of bytes their hex digits. */
export interface LongValue {
  readonly long: "items" | "characters" | "bytes";
  readonly length: number;
  /** Of a list of numbers; null of anything else. */
  readonly range: Range | null;
  readonly first: ShownValue;
}

/** What a step made of the rows in front of it. */
export interface StepTrace {
  /** Its key in the job file. */
  readonly where: string;
  readonly kind: string;
  readonly rowsIn: number;
  /** The columns that it made, of the rows that it left. */
  readonly made: Shown;
  readonly failed: readonly { readonly row: number; readonly code: string; readonly message: string }[];
  /** Of a tokenizer, by row: its tokens. */
  readonly tokens: readonly TokensView[];
  /** Views of the files, by row. Null: the step reads no files that can be shown. */
  readonly pictures: readonly FileView[] | null;
}

/** Of the finite ones of some numbers. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

/** One run of the model. */
export interface RunTrace {
  readonly inputs: readonly TensorTrace[];
  /** None where it failed. */
  readonly outputs: readonly TensorTrace[];
}

export interface TensorTrace {
  readonly name: string;
  readonly dtype: ElementType;
  readonly dims: readonly number[];
  /** Of its finite numbers; null where it has none. */
  readonly range: Range | null;
  /** Numbers that are NaN or infinite. */
  readonly notFinite: number;
  /** The first values. */
  readonly first: readonly (number | string)[];
}
