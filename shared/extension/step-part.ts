import type * as z from "zod";
import type { Problem } from "../core/errors.ts";
import type { Zod } from "../core/zod.ts";
import type { Field } from "../domain/dataset.ts";
import type { InputSpec } from "../domain/map-spec.ts";
import type { FolderFacts, ModelFolder } from "../domain/model-folder.ts";
import type {
  FeatureData,
  StepBinding,
  StepColumn,
  StepFile,
  StepKeys,
  StepValue,
} from "../domain/step-binding.ts";
import type { ModelSignature, TensorInfo } from "../domain/tensor.ts";
import type { OpenStepOptions, Step } from "../steps/step.ts";
import type { FactsPart, SpecParts } from "./feature.ts";
import type { ProgramPart } from "./program.ts";
import type { StepDraft } from "./step-draft.ts";
import type { StepViewer } from "./step-viewer.ts";

/** Step that workers run. What it needs is its own JSON, which only the extension reads. */
interface StepKind {
  /** Name on the wire, and in `try`: `tokenize`. */
  readonly kind: string;
  /** Builds the schema by which a worker checks the data that it was sent. */
  data(z: Zod): z.ZodType<object>;
  /** Describes what the step does, for `plan`. */
  show(data: FeatureData): string;
  /** Opens the step on a worker. The caller disposes it. */
  open(binding: StepBinding, data: FeatureData, options: OpenStepOptions): Promise<Step>;
  /** Path of the user's program that the first file of the step is made of. Left out: it is none. */
  programPath?(data: FeatureData): string;
  /** Opens what shows tokens, for `try`. Left out: there are none. */
  openViewer?(binding: StepBinding, data: FeatureData): Promise<StepViewer>;
}

/** Step of `map.prepare` or `map.finish`, under a key of its own: `split`. */
export interface StepPart {
  readonly key: string;
  /** Description of the key in the docs of the job file. */
  readonly says: string;
  /** Builds the schema of the key's value: a text is the file of a program. */
  spec(z: Zod, parts: SpecParts): z.ZodType<object | string>;
  readonly files?: FilesPart;
  /** Programs that the key names. The planner finds what is made of one among its files. Default: none. */
  readonly program?: ProgramPart;
  /** Returns the value with what it leaves to the model's folder. Default: it leaves nothing. */
  withFolder?(value: StepKeys, facts: FolderFacts): StepKeys;
  /** Loads what plans the step, on the coordinator. */
  loadPlanner(): Promise<StepPlanner>;
  readonly step: StepKind;
}

/** Files that keys name, which workers get with the step. */
export interface FilesPart {
  /** Keys whose values are the locations of files. */
  readonly keys: readonly string[];
  /** Finds what planners have to know of a file. It may be anything: a refusal is an answer. */
  describe(file: StepFile, signal: AbortSignal): Promise<unknown>;
}

/** Files of a job by the locations that it names, and what is known of them. */
export interface DescribedFiles {
  readonly files: ReadonlyMap<string, StepFile>;
  /** Answers of {@link FilesPart.describe}. */
  readonly descriptions: ReadonlyMap<string, unknown>;
}

/** Binds a step. @throws {STEP_INVALID} the program of the step does not fit */
export type StepPlanner = (
  value: StepValue,
  context: StepPlannerContext,
) => PlannedStep | Refused | Promise<PlannedStep>;

interface StepPlannerContext extends DescribedFiles {
  /** Key path for errors: `map.prepare[0].split`, of a program the step's: `map.prepare[0]`. */
  readonly where: string;
  /** Columns in front of the step. */
  readonly fields: readonly Field[];
  readonly folder: ModelFolder | null;
  readonly signal: AbortSignal;
}

/** Step that is bound to the columns in front of it. */
export interface PlannedStep {
  readonly data: FeatureData;
  readonly files: readonly StepFile[];
  readonly reads: readonly string[];
  /** Columns behind the step. */
  readonly columns: readonly StepColumn[];
}

export interface Refused {
  readonly problems: readonly Problem[];
}

/** Inputs of models that a step makes of columns which are no files, such as tokens of texts. */
export interface InputPart {
  /** Key of an input that asks for the step: `tokenizer`. */
  readonly key: string;
  /** Phrase for hints at a column that feeds no model as it is: what the key makes of it. */
  readonly makes: string;
  /** Phrase of `try` for rows without anything that the step could work on: `no text`. */
  readonly nothing: string;
  /** Builds the schemas of the keys of an input: this one, and those that go with it. */
  keys(z: Zod, parts: SpecParts): Readonly<Record<string, z.ZodType>>;
  /** Reports broken rules of the keys of an input. */
  check(input: object, context: z.core.$RefinementCtx, parts: SpecParts): void;
  readonly files?: FilesPart;
  /** Returns whether the step may make an input, by what the job file alone says of it. */
  mayMake(name: string, input: object): boolean;
  /** Facts that the folder of a model may say, where the job file does not. */
  readonly folder: FactsPart;
  /** Returns what the folder adds to the identity of a job whose inputs the step makes. */
  identity(facts: FeatureData): object;
  /** Lists keys that an input leaves to the folder, with their values and where the folder has them. */
  defaults(input: object, data: FeatureData, folder: KnownFolder): readonly FolderDefault[];
  /** Loads what plans the step, on the coordinator. */
  loadPlanner(): Promise<InputPlanner>;
  /** Loads what `init` uses. */
  loadDraft(): Promise<StepDraft>;
  readonly step: StepKind;
}

/** Folder of a model that says something. */
interface KnownFolder {
  readonly facts: FeatureData;
  /** Returns whether a location is that of a file of the folder. */
  isFile(named: string, file: string): boolean;
}

type FolderDefault = readonly [key: string, value: string, from: string];

/** Inputs of a job by name. */
type InputSpecs = Readonly<Record<string, InputSpec>>;

/** Facts by which inputs get what they leave to the folder. */
export interface KnownInputs {
  readonly fields: readonly Field[];
  readonly folder: ModelFolder | null;
  /** Inputs of the model. Null: it is not loaded yet, and may have any. */
  readonly tensors: readonly TensorInfo[] | null;
  /** Whether steps in front of the inputs make columns that are not among `fields`. */
  readonly hasSteps: boolean;
}

export interface InputPlanner {
  /** Returns whether inputs leave to the folder that the step makes them. */
  leaves(inputs: InputSpecs): boolean;
  /** Returns inputs with what they leave to the folder. */
  withFolder(inputs: InputSpecs, known: KnownInputs): InputSpecs;
  /** Finds inputs that a job must speak of, and does not. */
  unnamed(inputs: InputSpecs, context: InputPlannerContext): readonly Problem[];
  /** Finds keys of the step at inputs which it does not make. */
  stray(inputs: InputSpecs): readonly Problem[];
  /** Plans the step of an input that has the key. */
  plan(input: string, inputs: InputSpecs, context: InputPlannerContext): PlannedInput | Refused;
}

export interface InputPlannerContext extends DescribedFiles {
  /** Columns in front of the step. */
  readonly fields: readonly Field[];
  readonly signature: ModelSignature;
  readonly folder: ModelFolder | null;
}

export interface PlannedInput extends PlannedStep {
  /** All inputs: those that the step feeds name its columns. */
  readonly inputs: InputSpecs;
}
