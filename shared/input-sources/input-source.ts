import type * as z from "zod";
import type { Zod } from "../core/zod.ts";

/** In one list of a job file. More are a slip of a template. */
export const MAX_NAMES = 100_000;

/** The name of a column, or of the model's input or output that is one. */
export const columnName = (z: Zod) => z.string().min(1).max(1_000);

/** What an input of the model is made of, as the map is bound. Plain JSON. */
export interface SourceBinding {
  readonly kind: string;
}

/** What a job file says of an input, by key. */
export type SourceSpec = Readonly<Record<string, unknown>>;

/** How many values a cell of a column holds. */
export type CellSize =
  /** Always this many numbers, or texts. */
  | { readonly kind: "values"; readonly values: number }
  /** Lists whose length is seen row by row: a multiple of `factor`, the product of the fixed ones. */
  | { readonly kind: "perRow"; readonly factor: number }
  /** Always this many bytes: uint8 values, or values of the tensor's dtype. */
  | { readonly kind: "bytes"; readonly bytes: number }
  | { readonly kind: "bytesPerRow" };

/** A column of the job's rows. */
interface SourceColumn {
  readonly name: string;
  /** As the schema has it: `numeric`, `list`, `string`; of texts in a dictionary `string`. */
  readonly kind: string;
  /** In words: `fixed list of 784 float32`. */
  readonly type: string;
  /** Null where its cells are not what the input takes, numbers or texts. */
  readonly cell: CellSize | null;
  /** Why it is text though most of its values are numbers, and advice; null: unknown, or it is none. */
  readonly textCause: { readonly why: string; readonly hint: string } | null;
  /** Names of the formats whose files do not say its type: `CSV and JSON Lines`. Empty: there are none. */
  readonly untyped: string;
}

/** Describes a column that feeds no tensor of numbers, with advice where there is some. */
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

/** By kind of column, SQL that makes a number of it. */
const NUMBER_CASTS: Readonly<Record<string, string>> = {
  decimal: "name::DOUBLE",
  date: "epoch(name)",
  timestamp: "epoch(name)",
  time: "epoch(name)",
};

/** Advice where a model takes texts and a column has none. */
export const CAST_HINT =
  "the model takes texts: make some in map.prepare, `- sql: SELECT * REPLACE (CAST(x AS VARCHAR) AS x) FROM rows`";

/** Why an input cannot be made as the job file says. */
export interface SourceProblem {
  /** Leads on from the input's own key. */
  readonly path: readonly (string | number)[];
  readonly part: "key" | "value";
  readonly what: string;
  readonly expected?: string;
  readonly found?: string;
  readonly hint?: string;
}

/** What a source finds its columns in. */
export interface SourceContext {
  /** The model's name for the input. */
  readonly input: string;
  /** It takes texts, not numbers. */
  readonly isText: boolean;
  /** Hints at keys that make an input of a column of text. */
  readonly fromText: readonly string[];
  /** The columns of the job's rows, in the order of the schema. */
  readonly names: readonly string[];
  /** The column of this name; null when there is none, which is then a problem at `path`. */
  readonly find: (name: string, path: SourceProblem["path"]) => SourceColumn | null;
  readonly report: (problem: SourceProblem) => void;
}

/** What is known of an input once its columns are found. */
interface FoundColumns<Binding extends SourceBinding = SourceBinding> {
  readonly binding: Binding;
  /** The values that its columns have for a row. */
  readonly cell: CellSize;
  /** The columns and their types, for messages. */
  readonly found: string;
}

/** What all sources say of themselves. */
interface AnySource<Binding extends SourceBinding> {
  readonly kind: Binding["kind"];
  /** The key of the job file that chooses it. */
  readonly key: string;
  /** The keys of the job file that it uses beside those of every input; all may be left out. */
  readonly keys: (z: Zod) => Readonly<Record<string, z.ZodType>>;
  /** The keys of every input that do not go with it, and why it goes with no other source: a hint. */
  readonly excludes?: { readonly keys: readonly string[]; readonly why: string };
  /** Bindings of it, as they cross the wire. */
  readonly schema: (z: Zod) => z.ZodType<Binding>;

  /** In words, for people: `column pixels`. */
  describe(binding: Binding): string;
  /** Whether the model can tell by such an input which positions are padding. */
  marksPadding(input: { readonly tensor: string; readonly scale: number }): boolean;
  /** A hint for an input of this name that nothing feeds; left out, or null: none. */
  offer?(tensor: string): string | null;
}

/** Rows are made of columns: of one `cell`, or of one value of each of several `cells`. */
export interface ColumnSource<Binding extends SourceBinding = SourceBinding> extends AnySource<Binding> {
  readonly rows: "cell" | "cells";

  /** Null with problems when they are missing, or cannot feed a model. */
  bind(spec: SourceSpec, context: SourceContext): FoundColumns<Binding> | null;
  /** The columns that it reads, in the order of their values. */
  columns(binding: Binding): readonly string[];
}

/** Rows have the same `value` at every position that they have in another input, of uneven length. */
export interface ValueSource<Binding extends SourceBinding = SourceBinding> extends AnySource<Binding> {
  readonly rows: "value";

  bind(spec: SourceSpec): Binding;
  /** The other input. */
  positionsOf(binding: Binding): string;
  /** Before scale and offset, by which padding is 0. */
  value(binding: Binding): number;
}

/** All rows have the same values, which the job file says. */
export interface SameSource<Binding extends SourceBinding = SourceBinding> extends AnySource<Binding> {
  readonly rows: "same";

  /** Null with problems when it is no tensor. */
  bind(spec: SourceSpec, context: Pick<SourceContext, "report">): Binding | null;
}

/**
 * What an input of the model can be made of: one object says all about it, from the job file to the rows that
 * are filled. Adding one is a file with such an object, and its place in `INPUT_SOURCES`.
 *
 * Its methods are given bindings of this source only: `sourceOf` sees to that.
 */
export type InputSource<Binding extends SourceBinding = SourceBinding> =
  | ColumnSource<Binding>
  | ValueSource<Binding>
  | SameSource<Binding>;
