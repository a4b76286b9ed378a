import type * as z from "zod";
import type { Problem } from "../core/errors.ts";
import type { Zod } from "../core/zod.ts";
import type { Field } from "../domain/dataset.ts";
import type { FileCells } from "../domain/file-cells.ts";
import type { JobStores } from "../domain/job-stores.ts";
import type { ModelFolder } from "../domain/model-folder.ts";
import type { FeatureData, FeatureSpec, StepColumns } from "../domain/step-binding.ts";
import type { TensorInfo } from "../domain/tensor.ts";
import type { Step } from "../steps/step.ts";

/**
 * Makes an input of a model from a column of files: samples from sounds. The input becomes a step in front of
 * the model. What the step needs is the feature's own JSON, which only the feature reads.
 */
export interface FeaturePart {
  /** Key of the input in the job file, and kind of its step on the wire: `sound`. */
  readonly key: string;
  /** Name of its files in messages: `sounds`. */
  readonly files: string;
  /** Description of the key in the docs of the job file. */
  readonly says: string;
  /** Builds the schema of the key's value. */
  spec(z: Zod, parts: SpecParts): z.ZodType<FeatureSpec>;
  /** What the folder of a model may say, where the job file does not. Left out: nothing. */
  readonly folder?: FolderPart;
  /** Builds the schema by which a worker checks the data that it was sent. */
  data(z: Zod): z.ZodType<object>;
  /** Loads what plans the step, on the coordinator. */
  loadPlanner(): Promise<FeaturePlanner>;
  /** Columns that tell the rows apart which one file becomes. Empty: a file stays one row. */
  keyColumns(spec: object): readonly string[];
  /** Bytes of the largest row that a file may become. */
  mostRowBytes(data: FeatureData): number;
  /** Describes what the step does, for `plan`. */
  show(data: FeatureData): string;
  /** Opens the step on a worker. The caller disposes it. */
  openStep(columns: StepColumns, op: FeatureStepOp, stores: JobStores): Promise<Step>;
  /**
   * Reads the samples a second of a file, for a draft of a job. Null: it is none of the feature's files. Left
   * out: `init` knows no files of the feature.
   */
  readRate?(bytes: Uint8Array): Promise<number | null>;
}

/** Facts that a model's folder has about a feature. */
interface FolderPart {
  /** File in the folder: `preprocessor_config.json`. */
  readonly file: string;
  /** Keys of the job file that have the names of the facts. */
  readonly keys: readonly string[];
  /** Reads the file. Null: it says nothing of the feature. */
  read(settings: FolderSettings): FeatureData | null;
  /** Describes the facts, for `plan`. */
  show(facts: FeatureData): string;
}

/** Settings of a JSON file, by key. One of another type than is asked for is null, and a doubt. */
export interface FolderSettings {
  /** Null: it is not there. */
  value(key: string): unknown;
  flag(key: string): boolean | null;
  number(key: string): number | null;
  /** Reports that a setting is not understood. */
  doubt(key: string, what: string): null;
}

/** Parts that the schemas of several features have in common. */
export interface SpecParts {
  /** Folder from which relative paths in the column start. Its description says so. */
  readonly folder: z.ZodType<string>;
  /** Reports a broken rule of several keys. `detail` becomes a part of the problem. */
  refuse(
    context: z.core.$RefinementCtx,
    path: readonly string[],
    what: string,
    detail: Omit<Problem, "where" | "what">,
  ): void;
}

interface FeatureStepOp {
  readonly cells: FileCells;
  readonly data: FeatureData;
}

/** Fits what the job file says to the model's input. Null, with problems reported, where it does not fit. */
export type FeaturePlanner = (spec: FeatureSpec, context: PlannerContext) => PlannedFeature | null;

interface PlannerContext {
  /** Name of the column for the values of the input. */
  readonly column: string;
  /** Model's input, without its batch. */
  readonly tensor: TensorInfo;
  /** Factor of the values, from the job file. */
  readonly scale: number;
  readonly folder: ModelFolder | null;
  /**
   * Takes what is wrong.
   *
   * @param below keys of the job file under the feature's own key. Null: it is about the input as a whole
   */
  report(below: readonly string[] | null, problem: Omit<Problem, "where">): void;
}

interface PlannedFeature {
  readonly data: FeatureData;
  /** Dimensions of a row beside the batch. Null: each row has its own length. */
  readonly rowDims: readonly number[] | null;
  /** Columns that the step makes: the values of the input first. */
  readonly columns: readonly Field[];
}
