import type * as z from "zod";
import type { Problem } from "../core/errors.ts";
import type { Zod } from "../core/zod.ts";
import type { Field } from "../domain/dataset.ts";
import type { JobStores } from "../domain/job-stores.ts";
import type { ModelFolder } from "../domain/model-folder.ts";
import type { FeatureData, FeatureOp, FeatureSpec, StepColumns } from "../domain/step-binding.ts";
import type { TensorInfo } from "../domain/tensor.ts";
import type { Step } from "../steps/step.ts";
import type { FeatureDraft } from "./feature-draft.ts";
import type { FeatureViewer } from "./feature-viewer.ts";

/**
 * Feature that makes a model's input from a column of files, such as samples from sounds. The input becomes a
 * step before the model. The step's data is JSON that only the feature reads.
 */
export interface FeaturePart {
  /** Key of the input in the job file, and kind of its step on the wire: `sound`. */
  readonly key: string;
  /** Name of its files in messages: `sounds`. */
  readonly files: string;
  /** Description of the key in the docs of the job file. */
  readonly says: string;
  /** Keys of an input that it excludes, besides those that all inputs of files exclude. Default: none. */
  readonly excludes?: readonly string[];
  /** Builds the schema of the key's value. */
  spec(z: Zod, parts: SpecParts): z.ZodType<FeatureSpec>;
  /** Defaults that the model's folder may have for the job file. Undefined: none. */
  readonly folder?: FolderPart;
  /** Builds the schema by which a worker checks received data. */
  data(z: Zod): z.ZodType<object>;
  /** Loads the planner of the step, for the coordinator. */
  loadPlanner(): Promise<FeaturePlanner>;
  /** Columns that identify the rows which one file becomes. Empty: each file is one row. */
  keyColumns(spec: object): readonly string[];
  /** Bytes of the largest row that a file can become. Null: the types of the made columns bound it. */
  mostRowBytes(data: FeatureData): number | null;
  /** Describes the step, for `plan`. */
  show(data: FeatureData): string;
  /** Opens the step on a worker. The caller disposes it. */
  openStep(columns: StepColumns, op: Pick<FeatureOp, "cells" | "data">, stores: JobStores): Promise<Step>;
  /** Loads the viewer of files as pictures, for `try`. Undefined: the feature has no pictures. */
  loadViewer?(): Promise<FeatureViewer>;
  /** Drafts inputs for `init`. Undefined: `init` does not recognise the feature's files. */
  readonly draft?: FeatureDraft;
}

/** Facts from a model's folder. */
export interface FactsPart {
  /** Files of the folder that are not read, but whose existence is a fact. Default: none. */
  readonly sees?: readonly string[];
  /** Loads the reader of the facts. */
  loadReader(): Promise<FolderReader>;
  /** Describes the facts, for `plan`. */
  show(facts: FeatureData): string;
}

/** Facts about a feature from a model's folder. */
interface FolderPart extends FactsPart {
  /** Returns the file that has the facts, out of the files that were read: `preprocessor_config.json`. */
  source(read: readonly string[]): string;
  /** Keys that a job file may omit, because facts of the same names replace them. */
  keys(spec: FeatureSpec): readonly string[];
}

/**
 * Reads facts about a feature from the files of a model's folder. Null: there are none.
 *
 * @param open opens the settings of a file, or of a group of keys in it. A missing file has none
 * @param has checks whether a file exists
 */
export type FolderReader = (open: OpenSettings, has: (file: string) => boolean) => FeatureData | null;
type OpenSettings = (file: string, group?: string) => FolderSettings;

/** Settings of a JSON file, by key. A setting of another type is null, and reported as a doubt. */
export interface FolderSettings {
  readonly keys: readonly string[];
  /** Returns a setting of any type. Null: it is missing. */
  value(key: string): unknown;
  flag(key: string): boolean | null;
  text(key: string): string | null;
  number(key: string): number | null;
  numbers(key: string): readonly number[] | null;
  group(key: string): Readonly<Record<string, unknown>> | null;
  /** Formats the place of a setting for messages: `config.json: id2label`. */
  where(key: string): string;
  /** Reports an unsupported setting. */
  doubt(key: string, what: string): null;
}

/** Schema parts that several features share. */
export interface SpecParts {
  /** Base folder of relative paths in the column. Its description says so. */
  readonly folder: z.ZodType<string>;
  /** Limit of the bytes that the value of one row takes. */
  readonly maxBytes: z.ZodType<string>;
  /** Location of a file that the job needs. */
  readonly file: z.ZodType<string>;
  /** Keys by which features make an input from files. */
  readonly fileKeys: readonly string[];
  /** Reports a broken rule of several keys. `detail` becomes part of the problem. */
  refuse(
    context: z.core.$RefinementCtx,
    path: readonly string[],
    what: string,
    detail: Omit<Problem, "where" | "what">,
  ): void;
}

/** Matches the job file's keys to the model's input. Null: they do not match, and problems are reported. */
export type FeaturePlanner = (spec: FeatureSpec, context: PlannerContext) => PlannedFeature | null;

interface PlannerContext {
  /** Name of the column for the input's values. */
  readonly column: string;
  /** Model's input without its batch. */
  readonly tensor: TensorInfo;
  /** Factor of the values, from the job file. */
  readonly scale: number;
  readonly folder: ModelFolder | null;
  /**
   * Reports a problem.
   *
   * @param below keys of the job file below the feature's own key. Null: the problem concerns the whole input
   */
  report(below: readonly string[] | null, problem: Omit<Problem, "where">): void;
}

interface PlannedFeature {
  readonly data: FeatureData;
  /** Dimensions of a row without the batch. Null: rows have different lengths. */
  readonly rowDims: readonly number[] | null;
  /** Columns that the step makes, beginning with the values of the input. */
  readonly columns: readonly Field[];
}
