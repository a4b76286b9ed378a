import type { InputSourceBinding } from "../input-sources/input-sources.ts";
import type { OutputOpBinding } from "../output-ops/output-ops.ts";
import type { Field } from "./dataset.ts";
import type { RowShape } from "./row-shape.ts";
import type { StepBinding } from "./step-binding.ts";
import type { Dim, Dtype, ElementType } from "./tensor.ts";

/**
 * The `map` section of a job, bound to one model and one schema: every name resolved, every shape known.
 * Plain JSON: the coordinator makes it once, before any work, and workers run it without deciding anything
 * again.
 */
export interface MapBinding {
  readonly inputs: readonly InputBinding[];
  /** Inputs that are outputs of the same row's part before. Left out: the model has none. */
  readonly state?: readonly StateBinding[];
  readonly outputs: readonly OutputBinding[];
  /** Columns, as the inputs have them, that are carried to the output as they are. */
  readonly keep: readonly Field[];
  /**
   * Every column that must be read, each once, in schema order: those of the inputs and those kept, or what
   * the steps in front of them need.
   */
  readonly columns: readonly string[];
  /** What is done with the rows before they become tensors. */
  readonly prepare: readonly StepBinding[];
  /** What is done with the kept columns and the outputs before they are written. */
  readonly finish: readonly StepBinding[];
  /** The model's batch dimension if it is a fixed number (the last batch is then padded), else null. */
  readonly fixedBatchRows: number | null;
}

/** How one ONNX input is made. */
export interface InputBinding {
  readonly tensor: string;
  readonly dtype: ElementType;
  /** The dims after the batch; of one position where rows are uneven. */
  readonly rowDims: readonly number[];
  /** product(rowDims). */
  readonly rowValues: number;
  /** What its values are made of, before scale and offset. */
  readonly source: InputSourceBinding;
  /** value * scale + offset, in float64, then cast. */
  readonly scale: number;
  readonly offset: number;
  /**
   * Stands in for a null (before scale and offset): a number, or `NaN`, which JSON has no number for; of
   * texts a text. Null: a row with a null is a dead letter.
   */
  readonly fill: number | string | null;
  readonly rowShape: RowShape;
  /** Where the model wants the batch, among its dims: 0, or what the job says. */
  readonly batchAxis: number;
}

/** An input of numbers, its fill as one: NaN, too. */
export interface NumberBinding extends InputBinding {
  readonly dtype: Dtype;
  readonly fill: number | null;
}

export interface TextBinding extends InputBinding {
  readonly dtype: "string";
  readonly fill: string | null;
}

/** An input as the one or the other. */
export function typedBinding(binding: InputBinding): NumberBinding | TextBinding {
  const { dtype, fill } = binding;
  if (dtype === "string") return { ...binding, dtype, fill: fill === null ? null : String(fill) };
  return { ...binding, dtype, fill: fill === null ? null : Number(fill) };
}

/** What a recurrent model remembers of a row, from one of its parts to the next; zeros before the first. */
export interface StateBinding {
  /** The ONNX input, and the output that it gets of the part before: both of one dtype and shape. */
  readonly tensor: string;
  readonly output: string;
  readonly dtype: Dtype;
  /** The dims beside the batch. */
  readonly rowDims: readonly number[];
  /** product(rowDims). */
  readonly rowValues: number;
  /** Where the model has the batch, among its dims. */
  readonly batchAxis: number;
}

/** How the columns of one output of the job are made from one ONNX output. */
export interface OutputBinding {
  /** What the job calls it: the column's name, before the suffixes that the op gives its columns. */
  readonly column: string;
  readonly tensor: string;
  readonly dtype: ElementType;
  /** The dims after the batch; of one position where rows are uneven. */
  readonly rowDims: readonly number[];
  readonly rowValues: number;
  /**
   * Sequence that the output follows, as uneven inputs do. Its tensor is `[rows, longest, ...rowDims]`, and
   * each row keeps as many positions as it came with. Null: the tensor is `[rows, ...rowDims]`.
   */
  readonly sequence: number | null;
  /** Where the model has the batch, among its dims: 0, or what the job says. */
  readonly batchAxis: number;
  /** What the model says of its shape, for whoever reads that it gave another. */
  readonly declaredDims: readonly Dim[];
  readonly op: OutputOpBinding;
}
