import type * as z from "zod";
import type { Zod } from "../core/zod.ts";

/** Bound op: its name, and its keys from the job file. Plain JSON. */
export interface OpBinding {
  readonly kind: string;
}

/** Keys of an output in the job file. */
export type OpSpec = Readonly<Record<string, unknown>>;

/** Values of a tensor for each row, or for each position of a row. */
export interface OpRow {
  readonly dtype: string;
  /** Dims without the batch. Uneven rows: dims of one position. */
  readonly dims: readonly number[];
  /** Product of the dims. */
  readonly values: number;
  /** Rows are uneven, and this describes one position. */
  readonly perPosition: boolean;
}

/** Column that an op makes. */
export interface OpColumn {
  /** Suffix of the output's name: "" or `_values`. */
  readonly suffix: string;
  /** Type of the values. `tensor`: the tensor's own type, with unchanged values. */
  readonly type: "tensor" | "float32" | "float16" | "int32" | "int8" | "uint8";
  /** Values in a cell that is a list of fixed length. Null: a cell is one value. */
  readonly length: number | null;
  /** Each row has a list with one cell for each position. Default: one cell. */
  readonly perPosition?: boolean;
  /**
   * Limit of cells in a list whose length `writeList` determines for each row. Uneven rows: the limit for
   * each position. Undefined: one cell.
   */
  readonly most?: number;
  /** Texts for the int32 indices in the column, which then holds text. */
  readonly labels?: readonly string[];
  /** The texts of a row's list are joined to one text. Default: false. */
  readonly isJoined?: boolean;
}

/** Memory of a column's values, `length` values a row. Float16 values are raw bits. */
export type ColumnValues = Float32Array | Uint16Array | Int32Array | Int8Array | Uint8Array;

/** Values of rows, such as class logits: row after row, `width` values each. */
export interface Scores {
  readonly values: Readonly<Record<number, number>> & { readonly length: number };
  /** Values of a row. Uneven rows: values of a position. */
  readonly width: number;
  /** Positions of a row in memory, padding included. Even rows: 1. */
  readonly length: number;
}

/**
 * Writes row `at` of an op's columns from row `row` of the scores.
 *
 * @param positions count of the row's own positions. Even rows: 1
 */
export type WriteRow = (scores: Scores, row: number, at: number, positions: number) => void;

/**
 * Writes the lists of row `row` of the scores at the start of an op's columns. Returns the length of each
 * list. A column without `most` has one cell.
 *
 * @param positions count of the row's own positions. Even rows: 1
 * @param cell the row's numbers in the column that the op reads. Empty: it reads none
 */
export type WriteList = (scores: Scores, row: number, positions: number, cell: Float64Array) => number;

/** Reason why an output of the job file does not fit its tensor. */
export interface OpProblem {
  readonly key: string;
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  readonly hint?: string;
}

/**
 * Op that makes columns from a model's output. One object covers everything from the job file to the written
 * row. To add one, write a file with such an object, and list it in `OUTPUT_OPS`.
 *
 * Its methods only get bindings of this op, which `opOf` guarantees.
 */
export interface OutputOp<Binding extends OpBinding = OpBinding> {
  readonly kind: Binding["kind"];
  /** Summary behind the op's name in the reference of the job file. */
  readonly summary: string;
  /** Keys of the job file, besides those of every output. All are optional. */
  readonly keys: (z: Zod) => Readonly<Record<string, z.ZodType>>;
  /** Required keys, each with the expected value. */
  readonly required: Readonly<Record<string, string>>;
  /** Requirement on the tensor. `classes`: numbers along exactly one dimension longer than 1. */
  readonly needs: "anything" | "numbers" | "classes";
  /** True when the op accepts an output with a value for each position of uneven rows. */
  readonly takesPositions: boolean;
  /** True when the op reads an order or a class from the values. A converted model must keep it. */
  readonly isRanked: boolean;
  /** Schema of its bindings on the wire. */
  readonly schema: (z: Zod) => z.ZodType<Binding>;

  /**
   * Returns the suffixes of its columns' names, even if the output is otherwise invalid. Skips suffixes that
   * depend on the model.
   */
  suffixes(spec: OpSpec): readonly string[];
  /** Returns the problems of a spec with a tensor of such rows. */
  problems(spec: OpSpec, row: OpRow): readonly OpProblem[];
  /** Returns the binding of an output without problems. */
  bind(spec: OpSpec, row: OpRow): Binding;
  /** Describes the op for people: `topK 3`. */
  describe(binding: Binding, row: OpRow): string;
  columns(binding: Binding, row: OpRow): readonly OpColumn[];
  /** Returns the column of the model's rows that `writeList` reads: lists of numbers. Null: none. */
  reads?(binding: Binding): string | null;
  /**
   * Returns the writer of rows. `columns` has memory for all rows of a shard, in the order of the columns.
   * Not called for a column of the tensor's own type, whose values are copied.
   */
  write?(binding: Binding, columns: readonly ColumnValues[]): WriteRow;
  /**
   * Returns the writer for an op whose columns are lists of varying length. All columns have the same length
   * in a row. `columns` has memory for one row.
   */
  writeList?(binding: Binding, columns: readonly ColumnValues[]): WriteList;
}

/** Defaults for an op without keys of its own. */
export const PLAIN_OP = {
  keys: () => ({}),
  required: {},
  takesPositions: false,
  suffixes: () => [""],
  problems: () => [],
} as const;
