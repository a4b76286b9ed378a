import type * as z from "zod";

/** What an input of the model is made of, as a plan has it. Plain JSON. */
export interface SourcePlan {
  readonly kind: string;
}

/**
 * What an input of the model can be made of: one object for the wire, the worker and the plan that people
 * read. Adding one is a file with such an object, its place in `INPUT_SOURCES`, and what binds it:
 * `coordinator/plan/bind-source.ts` where it has columns, else as `bind-mask.ts` does.
 *
 * Its methods are given plans of this source only: `sourceOf` sees to that.
 */
export interface InputSource<Plan extends SourcePlan = SourcePlan> {
  readonly kind: Plan["kind"];
  /** Plans of it, as they cross the wire. */
  readonly schema: z.ZodType<Plan>;
  /**
   * What a cell of its columns holds: the whole `row` (of uneven rows any number of positions), or one
   * `value` of it, beside those of the other columns.
   */
  readonly cell: "row" | "value";
  /** Whether it tells the model which positions are padding. */
  readonly marksPadding: boolean;

  /** The columns that it reads, in the order of their values. */
  columns(plan: Plan): readonly string[];
  /** In words, for people: `column pixels`. */
  describe(plan: Plan): string;
  /**
   * Of a source without columns: what every element of a row is before scale and offset; of uneven rows,
   * every element of its positions, and none of the padding.
   */
  value?(plan: Plan): number;
}
