import type { InputSourceBinding } from "../input-sources/input-sources.ts";
import type { OutputOpBinding } from "../output-ops/output-ops.ts";
import type { Field } from "./dataset.ts";
import type { RowShape } from "./row-shape.ts";
import type { StepBinding } from "./step-binding.ts";
import type { Dim, Dtype, ElementType } from "./tensor.ts";

/**
 * Section `map` of a job, bound to one model and one schema: all names resolved, all shapes known. Plain
 * JSON. The coordinator creates it before any work, and workers only execute it.
 */
export interface MapBinding {
  readonly inputs: readonly InputBinding[];
  /** Inputs that take an output of the row's previous part. Undefined: the model has none. */
  readonly state?: readonly StateBinding[];
  readonly outputs: readonly OutputBinding[];
  /** Input columns that the output carries unchanged. */
  readonly keep: readonly Field[];
  /**
   * Columns that must be read, each once, in schema order. Inputs, kept columns, or the steps before them
   * need these.
   */
  readonly columns: readonly string[];
  /** Steps before rows become tensors. */
  readonly prepare: readonly StepBinding[];
  /** Steps on the kept columns and the outputs, before they are written. */
  readonly finish: readonly StepBinding[];
  /** Fixed batch size of the model. The last batch is then padded. Null: any size. */
  readonly fixedBatchRows: number | null;
}

/** Binding of one ONNX input. */
export interface InputBinding {
  readonly tensor: string;
  readonly dtype: ElementType;
  /** Dims without the batch. Uneven rows: dims of one position. */
  readonly rowDims: readonly number[];
  /** product(rowDims). */
  readonly rowValues: number;
  /** Source of the values, before scale and offset. */
  readonly source: InputSourceBinding;
  /** Values are `value * scale + offset` in float64, then cast. */
  readonly scale: number;
  readonly offset: number;
  /**
   * Replacement for nulls, before scale and offset: a number, `NaN` as text, or a text for text inputs. Null:
   * a row with a null is a dead letter.
   */
  readonly fill: number | string | null;
  readonly rowShape: RowShape;
  /** Index of the batch among the model's dims: 0, or the job's `batchAxis`. */
  readonly batchAxis: number;
}

/** Input of numbers. Its fill is a number, also for NaN. */
export interface NumberBinding extends InputBinding {
  readonly dtype: Dtype;
  readonly fill: number | null;
}

export interface TextBinding extends InputBinding {
  readonly dtype: "string";
  readonly fill: string | null;
}

/** Narrows an input to numbers or texts. */
export function typedBinding(binding: InputBinding): NumberBinding | TextBinding {
  const { dtype, fill } = binding;
  if (dtype === "string") return { ...binding, dtype, fill: fill === null ? null : String(fill) };
  return { ...binding, dtype, fill: fill === null ? null : Number(fill) };
}

/**
 * State that a recurrent model carries from one part of a row to the next. It is zero before the first part.
 */
export interface StateBinding {
  /** ONNX input. It takes `output` of the row's previous part, which has the same dtype and shape. */
  readonly tensor: string;
  readonly output: string;
  readonly dtype: Dtype;
  /** Dims without the batch. */
  readonly rowDims: readonly number[];
  /** product(rowDims). */
  readonly rowValues: number;
  /** Index of the batch among the model's dims. */
  readonly batchAxis: number;
}

/** Dimensions of an output whose rows are lists, in front of the dims of a cell. */
export interface OpenDims {
  /** Sizes behind the batch, up to the last open one. Null: the size differs by row. */
  readonly dims: readonly (number | null)[];
  /**
   * ONNX output with the length of each row in the first dimension. Null: the sizes of the output are those
   * of the row, which runs alone.
   */
  readonly lengths: string | null;
}

/** Binding of the columns that the job makes from one ONNX output. */
export interface OutputBinding {
  /** Column name, before the op adds its suffixes. */
  readonly column: string;
  readonly tensor: string;
  readonly dtype: ElementType;
  /** Dims without the batch. Uneven rows: dims of one position. Lists: dims of a cell. */
  readonly rowDims: readonly number[];
  readonly rowValues: number;
  /**
   * Sequence that the output follows, as uneven inputs do. Its tensor is `[rows, longest, ...rowDims]`, and
   * each row keeps as many positions as its input. Null: the tensor is `[rows, ...rowDims]`.
   */
  readonly sequence: number | null;
  /** Dimensions in front of `rowDims` that make a row lists. Undefined: all rows have one shape. */
  readonly open?: OpenDims;
  /** Index of the batch among the model's dims: 0, or the job's `batchAxis`. Null: the tensor is one row. */
  readonly batchAxis: number | null;
  /** Dims that the model declares. Messages show them if the model returns others. */
  readonly declaredDims: readonly Dim[];
  readonly op: OutputOpBinding;
}
