import type * as z from "zod";
import type { Problem } from "../core/errors.ts";
import type { Zod } from "../core/zod.ts";
import type { Field } from "../domain/dataset.ts";
import type { JobStores } from "../domain/job-stores.ts";
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
import type { JobDraftPart } from "./job-draft.ts";
import type { ProgramPart } from "./program.ts";
import type { StepDraft } from "./step-draft.ts";
import type { StepViewer } from "./step-viewer.ts";

/** Step that workers run. Its data is JSON that only the extension reads. */
interface StepKind {
  /** Name on the wire, and in `try`: `tokenize`. */
  readonly kind: string;
  /** Builds the schema by which a worker checks received data. */
  data(z: Zod): z.ZodType<object>;
  /** Describes the step, for `plan`. */
  show(data: FeatureData): string;
  /** Opens the step on a worker. The caller disposes it. */
  open(binding: StepBinding, data: FeatureData, options: OpenStepOptions): Promise<Step>;
  /**
   * Returns the path of the user's program, from which the step's first file is built. Undefined: there is no
   * program.
   */
  programPath?(data: FeatureData): string;
  /** Returns the bytes of the largest row that the step makes. Undefined: its columns' types bound it. */
  mostRowBytes?(data: FeatureData): number;
  /**
   * Rules for a step whose rows wait for a server. Its thread takes many record batches concurrently. Its job
   * has no backup leases, which would ask twice. Undefined: the step computes.
   */
  waits?(data: FeatureData): {
    /** Limit of the wait without any finished row, in ms. The attempt then fails with SERVER_UNAVAILABLE. */
    readonly waitMs: number;
  };
  /** Opens the viewer of tokens, for `try`. Undefined: the step makes no tokens. */
  openViewer?(binding: StepBinding, data: FeatureData): Promise<StepViewer>;
}

/** Step of `map.prepare` or `map.finish`, under its own key: `split`. */
export interface StepPart {
  readonly key: string;
  /** Description of the key in the docs of the job file. */
  readonly says: string;
  /** Builds the schema of the key's value. A text is the file of a program. */
  spec(z: Zod, parts: SpecParts): z.ZodType<object | string>;
  readonly files?: FilesPart;
  /** True when the value has a `folder`: the base of relative paths in a column. Default: it has none. */
  readonly hasFolder?: true;
  /** Programs that the key names. The planner gets the built program among its files. Default: none. */
  readonly program?: ProgramPart;
  /** Returns the value with defaults from the model's folder. Default: unchanged. */
  withFolder?(value: StepKeys, facts: FolderFacts): StepKeys;
  /** Loads the planner of the step, for the coordinator. */
  loadPlanner(): Promise<StepPlanner>;
  /** Draft of a job around the step, for `init`. Undefined: there is none. */
  readonly draft?: JobDraftPart;
  readonly step: StepKind;
}

/** Keys that name files, which workers get with the step. */
export interface FilesPart {
  /** Keys whose values are the locations of files. */
  readonly keys: readonly string[];
  /**
   * Returns the facts that planners need about a file. Untrusted files are expected: a refusal is a result.
   */
  describe(file: StepFile, signal: AbortSignal): Promise<unknown>;
  /**
   * Makes the file that workers get, of a file or a folder that a step's key names. The same content gives
   * the same bytes. Planners find it under the key path instead of the location. Default: the file itself.
   *
   * @throws {SPEC_INVALID} with all problems
   */
  make?(named: NamedContent, signal: AbortSignal): Promise<StepFile>;
}

/** Place that a key of a step names. */
export interface NamedContent {
  /** Key path: `map.finish[0].STEP.KEY`. */
  readonly where: string;
  readonly path: string;
  /** Value of the whole step. */
  readonly value: StepKeys;
  readonly stores: JobStores;
}

/** Files of a job by their locations in the job file, with their facts. A made file has a key path. */
export interface DescribedFiles {
  readonly files: ReadonlyMap<string, StepFile>;
  /** Results of {@link FilesPart.describe}. */
  readonly descriptions: ReadonlyMap<string, unknown>;
}

/** Binds a step. @throws {STEP_INVALID} when the program of the step does not fit */
export type StepPlanner = (
  value: StepValue,
  context: StepPlannerContext,
) => PlannedStep | Refused | Promise<PlannedStep>;

interface StepPlannerContext extends DescribedFiles {
  /** Key path for errors: `map.prepare[0].split`. Programs: the step's path, `map.prepare[0]`. */
  readonly where: string;
  /** Columns before the step. */
  readonly fields: readonly Field[];
  readonly folder: ModelFolder | null;
  readonly signal: AbortSignal;
}

/** Step that is bound to the columns before it. */
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

/** Model inputs that a step makes from columns other than files, such as tokens from texts. */
export interface InputPart {
  /** Key of an input that requests the step: `tokenizer`. */
  readonly key: string;
  /** Phrase for hints about a column that cannot feed a model: it names the key's result. */
  readonly makes: string;
  /** Phrase of `try` for rows without any content for the step: `no text`. */
  readonly nothing: string;
  /** Builds the schemas of an input's keys: this one, and those that belong to it. */
  keys(z: Zod, parts: SpecParts): Readonly<Record<string, z.ZodType>>;
  /** Reports broken rules of an input's keys. */
  check(input: object, context: z.core.$RefinementCtx, parts: SpecParts): void;
  readonly files?: FilesPart;
  /** Checks whether the step may make an input, judged by the job file alone. */
  mayMake(name: string, input: object): boolean;
  /** Facts from the model's folder, as defaults for the job file. */
  readonly folder: FactsPart;
  /** Returns the folder's part of the job digest, for a job whose inputs the step makes. */
  identity(facts: FeatureData): object;
  /** Lists the keys that an input takes from the folder, with their values and their files. */
  defaults(input: object, data: FeatureData, folder: KnownFolder): readonly FolderDefault[];
  /** Loads the planner of the step, for the coordinator. */
  loadPlanner(): Promise<InputPlanner>;
  /** Loads the draft for `init`. */
  loadDraft(): Promise<StepDraft>;
  readonly step: StepKind;
}

/** Folder of a model that has facts. */
interface KnownFolder {
  readonly facts: FeatureData;
  /** Checks whether a location is that of a file in the folder. */
  isFile(named: string, file: string): boolean;
}

type FolderDefault = readonly [key: string, value: string, from: string];

/** Inputs of a job by name. */
type InputSpecs = Readonly<Record<string, InputSpec>>;

/** Facts from which inputs get the folder's defaults. */
export interface KnownInputs {
  readonly fields: readonly Field[];
  readonly folder: ModelFolder | null;
  /** Inputs of the model. Null: the model is not loaded yet, and may have any inputs. */
  readonly tensors: readonly TensorInfo[] | null;
  /** True when steps before the inputs make columns that are not among `fields`. */
  readonly hasSteps: boolean;
}

export interface InputPlanner {
  /** Checks whether the folder decides that the step makes the inputs. */
  leaves(inputs: InputSpecs): boolean;
  /** Returns inputs with defaults from the folder. */
  withFolder(inputs: InputSpecs, known: KnownInputs): InputSpecs;
  /** Returns problems for inputs that the job must name and does not. */
  unnamed(inputs: InputSpecs, context: InputPlannerContext): readonly Problem[];
  /** Returns problems for keys of the step at inputs that the step does not make. */
  stray(inputs: InputSpecs): readonly Problem[];
  /** Plans the step of an input that has the key. */
  plan(input: string, inputs: InputSpecs, context: InputPlannerContext): PlannedInput | Refused;
}

export interface InputPlannerContext extends DescribedFiles {
  /** Columns before the step. */
  readonly fields: readonly Field[];
  readonly signature: ModelSignature;
  readonly folder: ModelFolder | null;
}

export interface PlannedInput extends PlannedStep {
  /** All inputs. Those that the step feeds name its columns. */
  readonly inputs: InputSpecs;
}
