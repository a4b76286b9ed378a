import type * as z from "zod";
import type { Zod } from "../core/zod.ts";

/** Limit of names in one list of a job file. More are a template's mistake. */
export const MAX_NAMES = 100_000;

/** Schema of a column's name, also for a model's input or output of the same name. */
export const columnName = (z: Zod) => z.string().min(1).max(1_000);

/** Bound source of a model's input. Plain JSON. */
export interface SourceBinding {
  readonly kind: string;
}

/** Keys of an input in the job file. */
export type SourceSpec = Readonly<Record<string, unknown>>;

/** Count of values in a column's cell. */
export type CellSize =
  /** Fixed count of numbers or texts. */
  | { readonly kind: "values"; readonly values: number }
  /** Lists whose length differs by row: a multiple of `factor`, the product of the fixed lengths. */
  | { readonly kind: "perRow"; readonly factor: number }
  /** Fixed count of bytes: uint8 values, or values of the tensor's dtype. */
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "bytesPerRow" };

/** Column of the job's rows. */
interface SourceColumn {
  readonly name: string;
  /** Kind in the schema: `numeric`, `list`, `string`. A dictionary of texts is a `string`. */
  readonly kind: string;
  /** Description: `fixed list of 784 float32`. */
  readonly type: string;
  /** Size of a cell. Null: the cells are not numbers or texts as the input needs. */
  readonly cell: CellSize | null;
  /**
   * Reason why the column is text though most of its values are numbers, and advice. Null: unknown, or not
   * the case.
   */
  readonly textCause: { readonly why: string; readonly hint: string } | null;
  /**
   * Names of the formats whose files contain no column types: `CSV and JSON Lines`. Empty: no such formats.
   */
  readonly untyped: string;
}

/** Describes a column that cannot feed a tensor of numbers, with advice if there is any. */
export function noNumbers(
  { kind, textCause }: SourceColumn,
  what: string,
): { readonly what: string; readonly hint?: string } {
  if (textCause === null) return { what, ...numberHint(kind) };
  return { what: `${what}: ${textCause.why}`, hint: textCause.hint };
}

function numberHint(kind: string): { readonly hint?: string } {
  const cast = NUMBER_CASTS[kind];
  return cast === undefined
    ? {}
    : { hint: `cast it in \`map.prepare\`: \`sql: SELECT *, ${cast} AS number FROM rows\`` };
}

/** SQL that converts a column to a number, by kind of column. */
const NUMBER_CASTS: Readonly<Record<string, string>> = {
  decimal: "name::DOUBLE",
  date: "epoch(name)",
  timestamp: "epoch(name)",
  time: "epoch(name)",
};

/** Advice if a model takes texts and a column has none. */
export const CAST_HINT =
  "convert the column to the texts that the model takes, in map.prepare: `- sql: SELECT * REPLACE (CAST(x AS VARCHAR) AS x) FROM rows`";

/** Reason why an input cannot be made as the job file says. */
export interface SourceProblem {
  /** Key path below the input's own key. */
  readonly path: readonly (string | number)[];
  readonly part: "key" | "value";
  readonly what: string;
  readonly expected?: string;
  readonly found?: string;
  readonly hint?: string;
}

/** Context in which a source finds its columns. */
export interface SourceContext {
  /** Name of the model's input. */
  readonly input: string;
  /** The input takes texts, not numbers. */
  readonly isText: boolean;
  /** Hints about keys that make an input from a text column. */
  readonly fromText: readonly string[];
  /** Columns of the job's rows, in the order of the schema. */
  readonly names: readonly string[];
  /** Returns the column of a name. Null: there is none, and a problem is reported at `path`. */
  readonly find: (name: string, path: SourceProblem["path"]) => SourceColumn | null;
  readonly report: (problem: SourceProblem) => void;
}

/** Facts about an input whose columns are found. */
interface FoundColumns<Binding extends SourceBinding = SourceBinding> {
  readonly binding: Binding;
  /** Values of its columns for one row. */
  readonly cell: CellSize;
  /** Columns with their types, for messages. */
  readonly found: string;
}

/** Facts that all sources have. */
interface AnySource<Binding extends SourceBinding> {
  readonly kind: Binding["kind"];
  /** Key of the job file that selects the source. */
  readonly key: string;
  /** Keys of the job file, besides those of every input. All are optional. */
  readonly keys: (z: Zod) => Readonly<Record<string, z.ZodType>>;
  /** Keys of every input that the source excludes, and a hint why it excludes other sources. */
  readonly excludes?: { readonly keys: readonly string[]; readonly why: string };
  /** Schema of its bindings on the wire. */
  readonly schema: (z: Zod) => z.ZodType<Binding>;

  /** Describes the source for people: `column pixels`. */
  describe(binding: Binding): string;
  /** Checks whether such an input lets the model distinguish padding. */
  marksPadding(input: { readonly tensor: string; readonly scale: number }): boolean;
  /** Returns a hint for an input of this name that nothing feeds. Null or undefined: none. */
  offer?(tensor: string): string | null;
}

/** Source that makes rows from columns: from one `cell`, or from one value in each of several `cells`. */
export interface ColumnSource<Binding extends SourceBinding = SourceBinding> extends AnySource<Binding> {
  readonly rows: "cell" | "cells";

  /** Binds the columns. Null: they are missing or cannot feed a model, and problems are reported. */
  bind(spec: SourceSpec, context: SourceContext): FoundColumns<Binding> | null;
  /** Returns the columns that it reads, in the order of their values. */
  columns(binding: Binding): readonly string[];
}

/** Elements of an input that is computed: one for a row, for each position, or for each pair of positions. */
export type ValuePer = "row" | "position" | "pair";

/** Source of values that follow from the positions that a row has in another input, of uneven length. */
export interface ValueSource<Binding extends SourceBinding = SourceBinding> extends AnySource<Binding> {
  readonly rows: "value";
  /** Elements that it can compute. */
  readonly per: readonly ValuePer[];

  bind(spec: SourceSpec): Binding;
  /** Returns the other input. */
  positionsOf(binding: Binding): string;
  /**
   * Returns the value before scale and offset: a number, the `index` of the position, or the `count` of
   * positions.
   */
  value(binding: Binding): number | "index" | "count";
  /** Returns the value of padding, as the model sees it. Default: 0 before scale and offset. */
  pad?(spec: SourceSpec): number | null;
}

/** Source whose values are the same for all rows. The job file has them. */
export interface SameSource<Binding extends SourceBinding = SourceBinding> extends AnySource<Binding> {
  readonly rows: "same";

  /** Binds the value. Null: it is not a tensor, and problems are reported. */
  bind(spec: SourceSpec, context: Pick<SourceContext, "report">): Binding | null;
}

/**
 * Source of a model's input. One object covers everything from the job file to the filled rows. To add one,
 * write a file with such an object, and list it in `INPUT_SOURCES`.
 *
 * Its methods only get bindings of this source, which `sourceOf` guarantees.
 */
export type InputSource<Binding extends SourceBinding = SourceBinding> =
  | ColumnSource<Binding>
  | ValueSource<Binding>
  | SameSource<Binding>;
