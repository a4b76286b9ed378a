import type { Digest } from "../core/digest.ts";
import type { Field } from "./dataset.ts";
import type { FileCells } from "./file-cells.ts";
import type { Location } from "./location.ts";

/**
 * A step of `map.prepare` or `map.finish`, bound to the columns in front of it. Plain JSON, as all of a map
 * plan.
 *
 * A step is given the columns that it reads, and gives those that it makes, and from which row each of its
 * rows came. All other columns pass it by: whoever runs it puts them beside the ones that it made.
 */
export interface StepBinding extends StepColumns {
  readonly op: StepOp;
  /** Files that it needs where it runs, in the order that its op knows. */
  readonly files: readonly StepFile[];
}

/** A file of a step, by its content: a worker that sees another one there gets it from the coordinator. */
export interface StepFile {
  readonly location: Location;
  readonly bytes: number;
  readonly sha256: Digest;
}

/** The columns in front of a step, or of several in a row, and behind it. */
export interface StepColumns {
  /** The step's key path in the job file: how errors name it. */
  readonly where: string;
  /** The columns that it is given, in this order. */
  readonly reads: readonly string[];
  /** The columns behind it, in order. */
  readonly columns: readonly StepColumn[];
}

/**
 * A column behind a step: one from in front of it, perhaps under another name, or one that the step makes.
 */
export interface StepColumn extends Field {
  /** The column in front of the step that it is; null: the step makes it. */
  readonly from: string | null;
}

type StepOp = SqlOp | FeatureOp | ExtensionOp;

/** Files of a column, made into values by a feature. */
export interface FeatureOp {
  readonly kind: "feature";
  /** Key of the feature: `sound`. */
  readonly feature: string;
  readonly cells: FileCells;
  readonly data: FeatureData;
}

/** What the job file says of a feature. Only the feature understands the rest. */
export interface FeatureSpec {
  /** Folder from which relative paths in the column start. */
  readonly folder: string;
  readonly [key: string]: unknown;
}

/** Value of a step's key in the job file: a program's file, or keys that only the extension understands. */
export type StepValue = string | StepKeys;
export type StepKeys = Readonly<Record<string, unknown>>;

/** JSON that only an extension understands. */
export type FeatureData = Readonly<Record<string, unknown>>;

/** Step of an extension. */
export interface ExtensionOp {
  readonly kind: "extension";
  /** Kind of the step: `split`. */
  readonly step: string;
  readonly data: FeatureData;
}

/** A SELECT over `rows`. */
export interface SqlOp {
  readonly kind: "sql";
  /** The job's SELECT, with the row that each result comes from as its first column. */
  readonly select: string;
  /** Columns that the SELECT only names: they must be there, and their values do not matter. */
  readonly named: readonly string[];
}

/** The columns that a step makes, in order. */
export function madeColumns({ columns }: Pick<StepColumns, "columns">): readonly StepColumn[] {
  return columns.filter(({ from }) => from === null);
}

/**
 * The steps with only those columns that `needed`, or a later step, looks at; and the columns that are needed
 * in front of the first.
 */
export function pruneSteps(
  steps: readonly StepBinding[],
  needed: readonly string[],
): { readonly steps: readonly StepBinding[]; readonly needed: readonly string[] } {
  let names = new Set(needed);
  const pruned = [...steps].reverse().map((step) => {
    const columns = step.columns.filter(({ name }) => names.has(name));
    names = new Set([...step.reads, ...columns.flatMap(({ from }) => from ?? [])]);
    return { ...step, columns };
  });
  return { steps: pruned.reverse(), needed: [...names] };
}

/** Several steps, one after the other, as one that is given and makes no more than it must. */
interface JoinedSteps {
  readonly columns: StepColumns;
  /** The steps, without what passes all of them by: the columns behind the last are those that are made. */
  readonly steps: readonly StepBinding[];
}

/** @param where how errors name all of them: `map.prepare` */
export function joinSteps(where: string, steps: readonly StepBinding[]): JoinedSteps {
  const last = steps.at(-1)?.columns ?? [];
  const columns = last.map((column) => ({ ...column, from: firstName(steps, column.name) }));
  const made = madeColumns({ columns }).map(({ name }) => name);
  const { steps: pruned, needed } = pruneSteps(steps, made);
  return { columns: { where, reads: needed, columns }, steps: pruned };
}

/** What a column behind `steps` is called in front of them; null where one of them makes it. */
function firstName(steps: readonly StepBinding[], name: string): string | null {
  return steps.reduceRight<string | null>((at, { columns }) => {
    return columns.find((column) => column.name === at)?.from ?? null;
  }, name);
}
