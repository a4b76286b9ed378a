import type { Digest } from "../core/digest.ts";
import type { Field } from "./dataset.ts";
import type { FileCells } from "./file-cells.ts";
import type { Location } from "./location.ts";

/** Column of a SQL step's result that holds the source row. */
export const ROW_COLUMN = "shardmill:row";

/**
 * Step of `map.prepare` or `map.finish`, bound to its input columns. Plain JSON, as all of a map plan.
 *
 * A step gets the columns that it reads. It returns the columns that it makes, and the source row of each of
 * its rows. The caller adds all other columns to the result.
 */
export interface StepBinding extends StepColumns {
  readonly op: StepOp;
  /** Files that the step needs, in the order that its op expects. */
  readonly files: readonly StepFile[];
}

/**
 * File of a step, identified by its content. A worker with other content at the location fetches the file
 * from the coordinator.
 */
export interface StepFile {
  readonly location: Location;
  readonly bytes: number;
  readonly sha256: Digest;
}

/** Columns before and behind a step, or several consecutive steps. */
export interface StepColumns {
  /** Key path in the job file, for errors. */
  readonly where: string;
  /** Columns that the step gets, in this order. */
  readonly reads: readonly string[];
  /** Columns behind the step, in order. */
  readonly columns: readonly StepColumn[];
}

/** Column behind a step: an input column, perhaps under another name, or one that the step makes. */
export interface StepColumn extends Field {
  /** Name of the column before the step. Null: the step makes the column. */
  readonly from: string | null;
}

type StepOp = SqlOp | FeatureOp | ExtensionOp | ModelOp;

/** Op by which a feature makes values from a column of files. */
export interface FeatureOp {
  readonly kind: "feature";
  /** Key of the feature: `sound`. */
  readonly feature: string;
  readonly cells: FileCells;
  readonly data: FeatureData;
}

/** Value of a feature's key in the job file. Only the feature knows the other keys. */
export interface FeatureSpec {
  /** Base folder of relative paths in the column. */
  readonly folder: string;
  readonly [key: string]: unknown;
}

/** Value of a step's key in the job file: a program's file, or keys that only the extension knows. */
export type StepValue = string | StepKeys;
export type StepKeys = Readonly<Record<string, unknown>>;

/** JSON that only an extension interprets. */
export type FeatureData = Readonly<Record<string, unknown>>;

/** Step of an extension. */
export interface ExtensionOp {
  readonly kind: "extension";
  /** Kind of the step: `split`. */
  readonly step: string;
  readonly data: FeatureData;
}

/** Model of a stage before the last one. */
interface ModelOp {
  readonly kind: "model";
  /** Index in the stages of the job's description. */
  readonly stage: number;
}

/** A SELECT over `rows`. */
export interface SqlOp {
  readonly kind: "sql";
  /** SELECT of the job, with the source row of each result as its first column. */
  readonly select: string;
  /** Columns that the SELECT names without using their values. They must exist. */
  readonly named: readonly string[];
  /** Default: the SELECT reads `rows` alone. */
  readonly joins?: SqlJoins;
}

/** Joins of `rows` with tables of the job. */
export interface SqlJoins {
  /** Names of the tables, in the order of the step's files. */
  readonly tables: readonly string[];
  /** Columns of the SELECT that order the results of one row. */
  readonly order: readonly string[];
}

/** Returns the columns that a step makes, in order. */
export function madeColumns({ columns }: Pick<StepColumns, "columns">): readonly StepColumn[] {
  return columns.filter(({ from }) => from === null);
}

/**
 * Removes the columns that neither `needed` nor a later step uses. Also returns the columns that the first
 * step needs.
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

/** Consecutive steps as one that reads and makes only the necessary columns. */
interface JoinedSteps {
  readonly columns: StepColumns;
  /**
   * Steps without the columns that pass through all of them. The columns behind the last are those that are
   * made.
   */
  readonly steps: readonly StepBinding[];
}

/** Joins consecutive steps into one. @param where key path for errors: `map.prepare` */
export function joinSteps(where: string, steps: readonly StepBinding[]): JoinedSteps {
  const last = steps.at(-1)?.columns ?? [];
  const columns = last.map((column) => ({ ...column, from: firstName(steps, column.name) }));
  const made = madeColumns({ columns }).map(({ name }) => name);
  const { steps: pruned, needed } = pruneSteps(steps, made);
  return { columns: { where, reads: needed, columns }, steps: pruned };
}

/** Returns the name that a column behind `steps` has before them. Null: one of them makes it. */
function firstName(steps: readonly StepBinding[], name: string): string | null {
  return steps.reduceRight<string | null>((at, { columns }) => {
    return columns.find((column) => column.name === at)?.from ?? null;
  }, name);
}
