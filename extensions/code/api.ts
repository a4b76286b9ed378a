import type { RecordBatch, Table, Vector } from "apache-arrow";

/** What the values of a column are in JavaScript, by the name of its type. */
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
  /** A day, as midnight UTC. */
  readonly date: Date;
  /** An instant, to the millisecond. */
  readonly timestamp: Date;
}

/** What the values of a vector are given as. */
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

/** What a type is made of: for Shardmill itself. */
export type TypeShape =
  | { readonly kind: "list"; readonly item: ColumnType }
  | { readonly kind: "vector"; readonly item: VectorItem; readonly length: number }
  | { readonly kind: "struct"; readonly fields: ColumnTypes };

/** A type that has parts: made by {@link list}, {@link vector}, {@link struct} and {@link nullable}. */
export interface ComplexType<Read = unknown, Made = unknown> {
  readonly shape: TypeShape;
  readonly isNullable: boolean;
  /** Never there: it tells the compiler what values are read and made. */
  readonly values?: { readonly read: Read; readonly made: Made };
}

/** A column's type. `"string?"`: a string or null; `"string"`: never null. */
export type ColumnType = ScalarName | `${ScalarName}?` | ComplexType;
export type ColumnTypes = Readonly<Record<string, ColumnType>>;

/** The value that a step is given of a column. */
export type ReadValue<T> = T extends `${infer Name extends ScalarName}?`
  ? ScalarValues[Name] | null
  : T extends ScalarName
    ? ScalarValues[T]
    : T extends ComplexType<infer Read, unknown>
      ? Read
      : never;

/** A value that a step may make for a column. Whole numbers may stand for `int64`, too. */
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

/** A row as a step is given it: the columns of `reads`. */
export type RowOf<R extends ColumnTypes> = { readonly [K in keyof R]: ReadValue<R[K]> };

type NullableKeys<C extends ColumnTypes> = {
  [K in keyof C]: null extends MadeValue<C[K]> ? K : never;
}[keyof C];

/** What a step makes of a row: the columns of `columns`. One that may be null may be left out. */
export type MadeRow<C extends ColumnTypes> = {
  readonly [K in Exclude<keyof C, NullableKeys<C>>]: MadeValue<C[K]>;
} & { readonly [K in NullableKeys<C>]?: MadeValue<C[K]> | undefined };

/** One row, none (`null`: the row is dropped), or several. */
export type RowResult<C extends ColumnTypes> = MadeRow<C> | null | SeveralRows<MadeRow<C>>;

/**
 * An array of rows, known by its symbols alone. A row with a column `length` or `values` is then no array
 * that lacks methods, and the compiler names the column that is wrong.
 */
type SeveralRows<R> = Pick<readonly R[], typeof Symbol.iterator | typeof Symbol.unscopables>;

export interface OpenContext {
  /** The step's place in the job file: `map.prepare[0]`. */
  readonly where: string;
  /** Aborts when opening takes too long. */
  readonly signal: AbortSignal;
}

export interface RunContext<State> {
  /** The step's place in the job file: `map.prepare[0]`. */
  readonly where: string;
  /** What `open` returned. */
  readonly state: State;
  /** Aborts when the row, or the record batch, takes too long: hand it to `fetch`. */
  readonly signal: AbortSignal;
}

/** Values of a column: an Arrow vector of exactly its type, or an array with a value a row. */
export type ColumnValues<T> = Vector | ArrayLike<MadeValue<T>>;

/** What a step makes of a record batch. */
export interface BatchResult<C extends ColumnTypes> {
  readonly columns: RecordBatch | { readonly [K in keyof C]: ColumnValues<C[K]> };
  /**
   * By row of `columns`, the row of the given batch that it was made of, ascending: a row that is not named
   * is dropped, one that is named twice became two. Left out: one row of each.
   */
  readonly sources?: ArrayLike<number>;
  /** Rows of the given batch that become dead letters. Without `sources`, their values do not matter. */
  readonly failed?: readonly { readonly row: number; readonly reason: string }[];
}

interface StepOptions<R extends ColumnTypes, C extends ColumnTypes, State> {
  /** The columns that the step is given. The file's columns must be of these types. */
  readonly reads: R;
  /** The columns that it makes. All others pass it by; one of the same name is replaced. */
  readonly columns: C;
  /** Called once on each thread, before the first row: load here what is needed for all. */
  readonly open?: (context: OpenContext) => State | Promise<State>;
  /** Called when the thread ends. */
  readonly close?: (state: State) => void | Promise<void>;
  /** How long one row, or one call of `batch`, may take before it fails. Left out: 60. */
  readonly timeoutSeconds?: number;
}

/** A step that is given one row at a time. */
export interface RowStep<R extends ColumnTypes, C extends ColumnTypes, State>
  extends StepOptions<R, C, State> {
  /**
   * Makes of a row one, none or several. What it makes must depend on this row alone. What it throws makes
   * the row a dead letter: see {@link fail}.
   */
  readonly row: (row: RowOf<R>, context: RunContext<State>) => RowResult<C> | Promise<RowResult<C>>;
  /** Rows that are at work at once on a thread, where `row` is asynchronous. Left out: 1. */
  readonly concurrency?: number;
  readonly batch?: never;
}

/** A step that is given a record batch of Arrow at a time. */
export interface BatchStep<R extends ColumnTypes, C extends ColumnTypes, State>
  extends StepOptions<R, C, State> {
  /**
   * Makes columns of the columns of a record batch. What becomes of a row must depend on this row alone: a
   * batch that throws is cut in halves, down to the rows that throw alone.
   */
  readonly batch: (
    batch: RecordBatch,
    context: RunContext<State>,
  ) => BatchResult<C> | Promise<BatchResult<C>>;
  readonly row?: never;
}

/**
 * A step of your own: the default export of the file that `module:` names in the job file.
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

/** Makes the row that is at work a dead letter, with this reason. */
export function fail(reason: string): never {
  throw new RowFailure(reason);
}

/** What {@link fail} throws: its reason is told as it is. */
class RowFailure extends Error {
  override readonly name = "RowFailure";
}

/** The rows that a reduction is given, in order. They can be gone through once, by one of these. */
export interface ReductionInput<R extends ColumnTypes> {
  /** For speed: record batches of Arrow. One that was gone on from is not needed any more. */
  readonly batches: AsyncIterable<RecordBatch>;
  /** For comfort: row by row. */
  readonly rows: AsyncIterable<RowOf<R>>;
}

export interface ReductionContext {
  /** The half's place in the job file: `reduce.words.combine`. */
  readonly where: string;
  /** Aborts when the time is up. */
  readonly signal: AbortSignal;
}

/** A table that a reduction makes: its rows, or its columns, equally long. */
export type MadeTable<C extends ColumnTypes> =
  | readonly MadeRow<C>[]
  | { readonly columns: RecordBatch | Table | { readonly [K in keyof C]: ColumnValues<C[K]> } };

/** The two halves of a reduction. The same rows, in the same order, must give the same table. */
export interface Reduction<R extends ColumnTypes, P extends ColumnTypes, C extends ColumnTypes> {
  /** The columns of the mapped rows that `combine` is given. They must be of these types. */
  readonly reads: R;
  /** The columns that `combine` makes, and `final` is given. */
  readonly combined: P;
  /** The columns of the result. */
  readonly columns: C;
  /** How long a half may go without asking for the next record batch. Left out: 600. */
  readonly timeoutSeconds?: number;
  /** Run on a worker, over the rows of one shard. */
  readonly combine: (
    shard: ReductionInput<R>,
    context: ReductionContext,
  ) => MadeTable<P> | Promise<MadeTable<P>>;
  /** Run once, over what `combine` made of all shards, in their order. */
  readonly final: (
    partials: ReductionInput<P>,
    context: ReductionContext,
  ) => MadeTable<C> | Promise<MadeTable<C>>;
}

/** A reduction of your own: the default export of the file that `module:` names in `reduce`. */
export function defineReduction<
  const R extends ColumnTypes,
  const P extends ColumnTypes,
  const C extends ColumnTypes,
>(reduction: Reduction<R, P, C>): typeof reduction {
  return reduction;
}

/** A list of values, as many as a row has. */
export function list<const T extends ColumnType>(
  item: T,
): ComplexType<ReadValue<T>[], readonly MadeValue<T>[]> {
  return { shape: { kind: "list", item }, isNullable: false };
}

/** A list of numbers that is equally long in every row: an embedding, an image. Read as a typed array. */
export function vector<const T extends VectorItem>(
  item: T,
  length: number,
): ComplexType<VectorValues[T], ArrayLike<MadeScalar<T>>> {
  return { shape: { kind: "vector", item, length }, isNullable: false };
}

/** An object with fields of its own. */
export function struct<const T extends ColumnTypes>(fields: T): ComplexType<RowOf<T>, MadeRow<T>> {
  return { shape: { kind: "struct", fields }, isNullable: false };
}

/** A list, a vector or a struct, or null. */
export function nullable<Read, Made>(type: ComplexType<Read, Made>): ComplexType<Read | null, Made | null> {
  return { shape: type.shape, isNullable: true };
}
