import type * as z from "zod";
import type { Zod } from "../core/zod.ts";

/** An op as the map is bound: its name, and what the job file says of it. Plain JSON. */
export interface OpBinding {
  readonly kind: string;
}

/** What a job file says of an output, by key. */
export type OpSpec = Readonly<Record<string, unknown>>;

/** What a tensor holds for each row, or for each position of a row. */
export interface OpRow {
  readonly dtype: string;
  /** The dims after the batch; of one position where rows are uneven. */
  readonly dims: readonly number[];
  /** Their product. */
  readonly values: number;
  /** Rows are uneven, and this is one position of them. */
  readonly perPosition: boolean;
}

/** A column that an op makes. */
export interface OpColumn {
  /** What its name has behind the output's name: "" or `_values`. */
  readonly suffix: string;
  /** `tensor`: the tensor's own type, and its values as they are. */
  readonly type: "tensor" | "float32" | "float16" | "int32" | "int8" | "uint8";
  /** Values in a cell that is a list of fixed length; null for a cell that is one value. */
  readonly length: number | null;
  /** A list of as many cells as the row has positions. Left out: one cell. */
  readonly perPosition?: boolean;
  /** A list of as many cells as `writeList` finds for the row, up to so many. Left out: one cell. */
  readonly most?: number;
  /** What the values, which are int32 indices, stand for: the column holds text. */
  readonly labels?: readonly string[];
}

/** The memory of a column's values, `length` of them a row; float16 as its bits. */
export type ColumnValues = Float32Array | Uint16Array | Int32Array | Int8Array | Uint8Array;

/** Values of rows, row after row, `width` of them each: class logits, say. */
export interface Scores {
  readonly values: Readonly<Record<number, number>> & { readonly length: number };
  /** Of a row; of a position where rows are uneven. */
  readonly width: number;
  /** Positions of a row in memory, padding included: 1 where rows are not uneven. */
  readonly length: number;
}

/**
 * Makes row `at` of an op's columns out of row `row` of the scores.
 *
 * @param positions those that the row has itself: 1 where rows are not uneven
 */
export type WriteRow = (scores: Scores, row: number, at: number, positions: number) => void;

/** Makes lists of row `row` of the scores, at the start of an op's columns; gives how many cells each has. */
export type WriteList = (scores: Scores, row: number) => number;

/** Why a job file's output does not fit its tensor. */
export interface OpProblem {
  readonly key: string;
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  readonly hint?: string;
}

/**
 * What can be made of a model's output: one object says all about it, from the job file to the written row.
 * Adding one is a file with such an object, and its place in `OUTPUT_OPS`.
 *
 * Its methods are given bindings of this op only: `opOf` sees to that.
 */
export interface OutputOp<Binding extends OpBinding = OpBinding> {
  readonly kind: Binding["kind"];
  /** For the reference of the job file, behind its name. */
  readonly summary: string;
  /** The keys of the job file that it uses beside those of every output; all may be left out. */
  readonly keys: (z: Zod) => Readonly<Record<string, z.ZodType>>;
  /** Keys that may not be left out, each with what is expected there. */
  readonly required: Readonly<Record<string, string>>;
  /** `classes`: numbers along one dimension that has more than one place. */
  readonly needs: "anything" | "numbers" | "classes";
  /** Whether it can be made of an output with a value for each position of uneven rows. */
  readonly takesPositions: boolean;
  /** Whether it reads an order, or a class, out of the values: a converted model must keep those. */
  readonly isRanked: boolean;
  /** Bindings of it, as they cross the wire. */
  readonly schema: (z: Zod) => z.ZodType<Binding>;

  /**
   * The suffixes of its columns' names, whatever else may be wrong with the output. Those that only the model
   * tells are left out.
   */
  suffixes(spec: OpSpec): readonly string[];
  /** What does not fit a tensor with such rows. */
  problems(spec: OpSpec, row: OpRow): readonly OpProblem[];
  /** The binding of an output that has no problem. */
  bind(spec: OpSpec, row: OpRow): Binding;
  /** In words, for people: `topK 3`. */
  describe(binding: Binding, row: OpRow): string;
  columns(binding: Binding, row: OpRow): readonly OpColumn[];
  /**
   * What makes its rows; for each column, in order, room for all rows of a shard. Not called for a column of
   * the tensor's own type: its values are copied.
   */
  write?(binding: Binding, columns: readonly ColumnValues[]): WriteRow;
  /**
   * The same of an op whose columns are lists of a length that each row has itself, one length for all of
   * them; for each column room for one row.
   */
  writeList?(binding: Binding, columns: readonly ColumnValues[]): WriteList;
}

/** An op that the job file says nothing about but its name. */
export const PLAIN_OP = {
  keys: () => ({}),
  required: {},
  takesPositions: false,
  suffixes: () => [""],
  problems: () => [],
} as const;
