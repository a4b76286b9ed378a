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
  /** Keys of an input that do not go with it, besides those that go with no file. Default: none. */
  readonly excludes?: readonly string[];
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
  /** Bytes of the largest row that a file may become. Null: the types of the columns that it makes tell. */
  mostRowBytes(data: FeatureData): number | null;
  /** Describes what the step does, for `plan`. */
  show(data: FeatureData): string;
  /** Opens the step on a worker. The caller disposes it. */
  openStep(columns: StepColumns, op: Pick<FeatureOp, "cells" | "data">, stores: JobStores): Promise<Step>;
  /** Loads what shows files and what becomes of them as pictures, for `try`. Left out: there are none. */
  loadViewer?(): Promise<FeatureViewer>;
  /** Drafts inputs for `init`. Left out: `init` knows no files of the feature. */
  readonly draft?: FeatureDraft;
}

/** Facts that a model's folder has. */
export interface FactsPart {
  /** Files of the folder that are not read: facts need to know whether they are there. Default: none. */
  readonly sees?: readonly string[];
  /** Loads what reads the facts. */
  loadReader(): Promise<FolderReader>;
  /** Describes the facts, for `plan`. */
  show(facts: FeatureData): string;
}

/** Facts that a model's folder has about a feature. */
interface FolderPart extends FactsPart {
  /** Names what says the facts, by the files of the folder that were read: `preprocessor_config.json`. */
  source(read: readonly string[]): string;
  /** Keys that a job file may leave out, since facts of their names stand in. */
  keys(spec: FeatureSpec): readonly string[];
}

/**
 * Reads what the files of a model's folder say of a feature. Null: nothing.
 *
 * @param open opens the settings of a file, or of a group of keys in it; one that is not there has none
 * @param has returns whether a file is there
 */
export type FolderReader = (open: OpenSettings, has: (file: string) => boolean) => FeatureData | null;
type OpenSettings = (file: string, group?: string) => FolderSettings;

/** Settings of a JSON file, by key. One of another type than is asked for is null, and a doubt. */
export interface FolderSettings {
  readonly keys: readonly string[];
  /** Null: it is not there. */
  value(key: string): unknown;
  flag(key: string): boolean | null;
  text(key: string): string | null;
  number(key: string): number | null;
  numbers(key: string): readonly number[] | null;
  group(key: string): Readonly<Record<string, unknown>> | null;
  /** Names a setting in messages: `config.json: id2label`. */
  where(key: string): string;
  /** Reports that a setting is not understood. */
  doubt(key: string, what: string): null;
}

/** Parts that the schemas of several features have in common. */
export interface SpecParts {
  /** Folder from which relative paths in the column start. Its description says so. */
  readonly folder: z.ZodType<string>;
  /** Location of a file that the job needs. */
  readonly file: z.ZodType<string>;
  /** Keys by which features make an input of files. */
  readonly fileKeys: readonly string[];
  /** Reports a broken rule of several keys. `detail` becomes a part of the problem. */
  refuse(
    context: z.core.$RefinementCtx,
    path: readonly string[],
    what: string,
    detail: Omit<Problem, "where" | "what">,
  ): void;
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
