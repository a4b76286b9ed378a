import type { Field } from "../domain/dataset.ts";
import type { Location } from "../domain/location.ts";
import type { MapBinding } from "../domain/map-binding.ts";
import type { InputSpec } from "../domain/map-spec.ts";
import type { ModelFolder } from "../domain/model-folder.ts";
import type { FeatureData } from "../domain/step-binding.ts";
import type { ModelSignature, TensorInfo } from "../domain/tensor.ts";
import type { Storages } from "../storage/open-storage.ts";
import type { DraftKeys, InputWay } from "./feature-draft.ts";

/** Part of an input's step that `init` uses: which inputs the step makes, and what users should know. */
export interface StepDraft {
  /** Drafts an input that the step makes. */
  readonly way: InputWay;
  /** Returns the keys of an input that the step makes beside another one. Null: it does not. */
  companion(tensor: TensorInfo, of: string, keys: DraftKeys): DraftKeys | null;
  /** Returns whether an input has keys of the step. */
  makes(input: InputSpec): boolean;
  /**
   * Returns the columns that the step makes, without planning it: the one that feeds the input first. Null:
   * it cannot make the input of its columns.
   */
  made(input: InputSpec, tensor: TensorInfo, fields: readonly Field[]): MadeInput | null;
  /** Returns columns whose cells are measured, and the file by which. Null: there are none. */
  measured(context: MeasureContext): { readonly columns: readonly string[]; readonly file: Location } | null;
  /** Measures cells, in a process that may be ended. Null: the file cannot be used, which planning tells. */
  measure(
    cells: ReadonlyMap<string, readonly unknown[]>,
    file: Location,
    options: { readonly storages: Storages; readonly signal: AbortSignal },
  ): Promise<FeatureData | null>;
  /** Finds what users have to decide by what was measured. Null: nothing. */
  note(
    inputs: Readonly<Record<string, DraftKeys>>,
    found: { readonly folder: ModelFolder | null; readonly measured: FeatureData | null },
  ): DraftNote | null;
  /** Drafts steps behind the model. Null: there are none. */
  finish(map: DraftedMap, context: FinishContext): DraftedFinish | null;
}

/** Input as the columns in front of the model feed it. */
export interface MadeInput {
  readonly input: InputSpec;
  readonly fields: readonly Field[];
}

export interface MeasureContext {
  readonly signature: ModelSignature;
  readonly folder: ModelFolder | null;
  /** Columns of text, but those that tell rows apart. */
  readonly texts: readonly Field[];
}

/** Note on an input, with a step that users may choose. */
export interface DraftNote {
  readonly input: string;
  readonly question: string;
  /** Step that stands in a comment. Null: there is no such choice. */
  readonly prepare: { readonly says: string; readonly key: string; readonly value: DraftKeys } | null;
}

/** Map without steps behind the model. */
export interface DraftedMap {
  readonly inputs: Readonly<Record<string, DraftKeys>>;
  readonly outputs: Readonly<Record<string, DraftKeys>>;
  readonly keep: readonly string[];
}

export interface FinishContext {
  readonly folder: ModelFolder | null;
  readonly fields: readonly Field[];
  /** Binds a map. Null: it does not fit. */
  bind(map: DraftedMap): MapBinding | null;
  /** Returns the first of some names that no column has, else the first with a number behind it. */
  freeName(names: readonly [string, ...string[]]): string;
}

/** Steps behind the model, and what they need. */
export interface DraftedFinish {
  readonly input: string;
  /** Keys that the input gets besides its own. */
  readonly keys: DraftKeys;
  readonly keep: readonly string[];
  readonly finish: readonly DraftKeys[];
  /** Description of the steps, as a comment. */
  readonly says: string;
}
