import type { RecordBatch, Table, Vector } from "apache-arrow";

/** JavaScript types of a column's values, by the name of the column's type. */
interface ScalarValues {
  readonly bool: boolean;
  readonly int8: number;
  readonly int16: number;
  readonly int32: number;
  readonly int64: bigint;
  readonly uint8: number;
  readonly uint16: number;
  readonly uint32: number;
  readonly uint64: bigint;
  readonly float16: number;
  readonly float32: number;
  readonly float64: number;
  readonly string: string;
  readonly binary: Uint8Array;
  /** Day, as midnight UTC. */
  readonly date: Date;
  /** Instant, to the millisecond. */
  readonly timestamp: Date;
}

/** JavaScript types of a vector's values. */
interface VectorValues {
  readonly int8: Int8Array;
  readonly int16: Int16Array;
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly uint8: Uint8Array;
  readonly uint16: Uint16Array;
  readonly uint32: Uint32Array;
  readonly uint64: BigUint64Array;
  readonly float16: Float32Array;
  readonly float32: Float32Array;
  readonly float64: Float64Array;
}

export type ScalarName = keyof ScalarValues;
export type VectorItem = keyof VectorValues;

/** Structure of a type. For internal use. */
export type TypeShape =
  | { readonly kind: "list"; readonly item: ColumnType }
  | { readonly kind: "vector"; readonly item: VectorItem; readonly length: number }
  | { readonly kind: "struct"; readonly fields: ColumnTypes };

/** Type with parts. Made by {@link list}, {@link vector}, {@link struct} and {@link nullable}. */
export interface ComplexType<Read = unknown, Made = unknown> {
  readonly shape: TypeShape;
  readonly isNullable: boolean;
  /** Always absent at run time. Carries the types of values read and made, for the compiler. */
  readonly values?: { readonly read: Read; readonly made: Made };
}

/** Type of a column. `"string?"` is a string or null, `"string"` is never null. */
export type ColumnType = ScalarName | `${ScalarName}?` | ComplexType;
export type ColumnTypes = Readonly<Record<string, ColumnType>>;

/** Value of a column as a step reads it. */
export type ReadValue<T> = T extends `${infer Name extends ScalarName}?`
  ? ScalarValues[Name] | null
  : T extends ScalarName
    ? ScalarValues[T]
    : T extends ComplexType<infer Read, unknown>
      ? Read
      : never;

/** Value that a step may make for a column. Integers are accepted for `int64` and `uint64`, too. */
export type MadeValue<T> = T extends `${infer Name extends ScalarName}?`
  ? MadeScalar<Name> | null
  : T extends ScalarName
    ? MadeScalar<T>
    : T extends ComplexType<unknown, infer Made>
      ? Made
      : never;

type MadeScalar<Name extends ScalarName> = Name extends "int64" | "uint64"
  ? bigint | number
  : ScalarValues[Name];

/** Row as a step reads it: the columns of `reads`. */
export type RowOf<R extends ColumnTypes> = { readonly [K in keyof R]: ReadValue<R[K]> };

type NullableKeys<C extends ColumnTypes> = {
  [K in keyof C]: null extends MadeValue<C[K]> ? K : never;
}[keyof C];

/** Row that a step makes: the columns of `columns`. A nullable column is optional. */
export type MadeRow<C extends ColumnTypes> = {
  readonly [K in Exclude<keyof C, NullableKeys<C>>]: MadeValue<C[K]>;
} & { readonly [K in NullableKeys<C>]?: MadeValue<C[K]> | undefined };

/** Rows made of one row: one, none (`null` drops the row), or several. */
export type RowResult<C extends ColumnTypes> = MadeRow<C> | null | SeveralRows<MadeRow<C>>;

/**
 * Array of rows, identified by its symbols only. A row with a column `length` or `values` would otherwise
 * look like an incomplete array in compiler errors.
 */
type SeveralRows<R> = Pick<readonly R[], typeof Symbol.iterator | typeof Symbol.unscopables>;

export interface OpenContext {
  /** Key of the step in the job file: `map.prepare[0]`. */
  readonly where: string;
  /** Aborts when opening takes too long. */
  readonly signal: AbortSignal;
}

export interface RunContext<State> {
  /** Key of the step in the job file: `map.prepare[0]`. */
  readonly where: string;
  /** Return value of `open`. */
  readonly state: State;
  /** Aborts when the row, or the record batch, takes too long. Pass it on to `fetch`. */
  readonly signal: AbortSignal;
}

/** Values of a column: an Arrow vector of exactly the same type, or an array with one value per row. */
export type ColumnValues<T> = Vector | ArrayLike<MadeValue<T>>;

/** Columns that a step makes of a record batch. */
export interface BatchResult<C extends ColumnTypes> {
  readonly columns: RecordBatch | { readonly [K in keyof C]: ColumnValues<C[K]> };
  /**
   * Index of the input row for each row of `columns`, ascending. An input row without an index is dropped.
   * One with two indexes becomes two rows. Default: one row for each input row.
   */
  readonly sources?: ArrayLike<number>;
  /** Input rows that become dead letters. Without `sources`, their values in `columns` are ignored. */
  readonly failed?: readonly { readonly row: number; readonly reason: string }[];
}

interface StepOptions<R extends ColumnTypes, C extends ColumnTypes, State> {
  /** Columns that the step reads. The file's columns must have these types. */
  readonly reads: R;
  /** Columns that the step makes. A column of the same name is replaced, all others pass unchanged. */
  readonly columns: C;
  /** Called once on each thread before the first row. Load shared resources here. */
  readonly open?: (context: OpenContext) => State | Promise<State>;
  /** Called when the thread ends. */
  readonly close?: (state: State) => void | Promise<void>;
  /** Time limit of one row, or of one call of `batch`, in seconds. A slower one fails. Default: 60. */
  readonly timeoutSeconds?: number;
}

/** Step that takes one row at a time. */
export interface RowStep<R extends ColumnTypes, C extends ColumnTypes, State>
  extends StepOptions<R, C, State> {
  /**
   * Makes one row, none or several of a row. The result must depend on this row only. A thrown error makes
   * the row a dead letter: see {@link fail}.
   */
  readonly row: (row: RowOf<R>, context: RunContext<State>) => RowResult<C> | Promise<RowResult<C>>;
  /** Limit of rows that an asynchronous `row` works on concurrently in one thread. Default: 1. */
  readonly concurrency?: number;
  readonly batch?: never;
}

/** Step that takes one Arrow record batch at a time. */
export interface BatchStep<R extends ColumnTypes, C extends ColumnTypes, State>
  extends StepOptions<R, C, State> {
  /**
   * Makes columns of a record batch's columns. The result for a row must depend on this row only. A batch
   * that throws is split in halves, until only single rows throw.
   */
  readonly batch: (
    batch: RecordBatch,
    context: RunContext<State>,
  ) => BatchResult<C> | Promise<BatchResult<C>>;
  readonly row?: never;
}

/**
 * Defines a step. Export it as default from the file that `module:` names in the job file.
 *
 * ```ts
 * import { defineStep, fail, list } from "shardmill";
 *
 * export default defineStep({
 *   reads: { text: "string" },
 *   columns: { words: list("string"), length: "int32" },
 *   row({ text }) {
 *     if (text.includes("\u0000")) fail("not a text");
 *     const words = text.split(/\s+/).filter(Boolean);
 *     return words.length === 0 ? null : { words, length: words.length };
 *   },
 * });
 * ```
 */
export function defineStep<const R extends ColumnTypes, const C extends ColumnTypes, State = undefined>(
  step: RowStep<R, C, State> | BatchStep<R, C, State>,
): typeof step {
  return step;
}

/** Makes the current row a dead letter with this reason. */
export function fail(reason: string): never {
  throw new RowFailure(reason);
}

/** Error of {@link fail}. The message is reported without a prefix. */
class RowFailure extends Error {
  override readonly name = "RowFailure";
}

/** Rows that a reduction reads, in order. Iterate the rows once, by one of the two properties. */
export interface ReductionInput<R extends ColumnTypes> {
  /** Arrow record batches, which are faster. A record batch is no longer needed once the next one is read. */
  readonly batches: AsyncIterable<RecordBatch>;
  /** Single rows, which are more convenient. */
  readonly rows: AsyncIterable<RowOf<R>>;
}

export interface ReductionContext {
  /** Key of `combine` or `final` in the job file: `reduce.words.combine`. */
  readonly where: string;
  /** Aborts when the time limit is reached. */
  readonly signal: AbortSignal;
}

/** Table that a reduction makes: its rows, or its columns of equal length. */
export type MadeTable<C extends ColumnTypes> =
  | readonly MadeRow<C>[]
  | { readonly columns: RecordBatch | Table | { readonly [K in keyof C]: ColumnValues<C[K]> } };

/** Definition of a reduction. Equal rows in equal order must give an equal table. */
export interface Reduction<R extends ColumnTypes, P extends ColumnTypes, C extends ColumnTypes> {
  /** Columns of the mapped rows that `combine` reads. The mapped columns must have these types. */
  readonly reads: R;
  /** Columns that `combine` makes and `final` reads. */
  readonly combined: P;
  /** Columns of the result. */
  readonly columns: C;
  /** Time limit between two reads of a record batch, in seconds. Default: 600. */
  readonly timeoutSeconds?: number;
  /** Reduces the rows of one shard. Runs on a worker. */
  readonly combine: (
    shard: ReductionInput<R>,
    context: ReductionContext,
  ) => MadeTable<P> | Promise<MadeTable<P>>;
  /** Reduces the results of `combine` for all shards, in order of the shards. Runs once. */
  readonly final: (
    partials: ReductionInput<P>,
    context: ReductionContext,
  ) => MadeTable<C> | Promise<MadeTable<C>>;
}

/** Defines a reduction. Export it as default from the file that `module:` names in `reduce`. */
export function defineReduction<
  const R extends ColumnTypes,
  const P extends ColumnTypes,
  const C extends ColumnTypes,
>(reduction: Reduction<R, P, C>): typeof reduction {
  return reduction;
}

/** Returns the type of lists, whose length differs by row. */
export function list<const T extends ColumnType>(
  item: T,
): ComplexType<ReadValue<T>[], readonly MadeValue<T>[]> {
  return { shape: { kind: "list", item }, isNullable: false };
}

/**
 * Returns the type of lists of numbers that are equally long in every row: an embedding, an image. Values are
 * read as typed arrays.
 */
export function vector<const T extends VectorItem>(
  item: T,
  length: number,
): ComplexType<VectorValues[T], ArrayLike<MadeScalar<T>>> {
  return { shape: { kind: "vector", item, length }, isNullable: false };
}

/** Returns the type of objects with these fields. */
export function struct<const T extends ColumnTypes>(fields: T): ComplexType<RowOf<T>, MadeRow<T>> {
  return { shape: { kind: "struct", fields }, isNullable: false };
}

/** Returns the type that also allows null. */
export function nullable<Read, Made>(type: ComplexType<Read, Made>): ComplexType<Read | null, Made | null> {
  return { shape: type.shape, isNullable: true };
}
