import type { Field } from "../domain/dataset.ts";
import type { Location } from "../domain/location.ts";
import type { MapBinding } from "../domain/map-binding.ts";
import type { InputSpec } from "../domain/map-spec.ts";
import type { ModelFolder } from "../domain/model-folder.ts";
import type { FeatureData } from "../domain/step-binding.ts";
import type { ModelSignature, TensorInfo } from "../domain/tensor.ts";
import type { Storages } from "../storage/open-storage.ts";
import type { DraftKeys, InputWay } from "./feature-draft.ts";

/** Part of an input's step that `init` uses: which inputs the step makes, and notes for users. */
export interface StepDraft {
  /** Drafts an input that the step makes. */
  readonly way: InputWay;
  /** Returns the keys of an input that the step makes beside another one. Null: it makes none. */
  companion(tensor: TensorInfo, of: string, keys: DraftKeys): DraftKeys | null;
  /** Checks whether an input has keys of the step. */
  makes(input: InputSpec): boolean;
  /**
   * Returns the columns that the step makes, without planning it. The column that feeds the input is first.
   * Null: the step cannot make the input from its columns.
   */
  made(input: InputSpec, tensor: TensorInfo, fields: readonly Field[]): MadeInput | null;
  /** Returns the columns whose cells are measured, and the file for it. Null: there are none. */
  measured(context: MeasureContext): { readonly columns: readonly string[]; readonly file: Location } | null;
  /** Measures cells, in a process that may be killed. Null: the file is invalid, which planning reports. */
  measure(
    cells: ReadonlyMap<string, readonly unknown[]>,
    file: Location,
    options: { readonly storages: Storages; readonly signal: AbortSignal },
  ): Promise<FeatureData | null>;
  /** Returns a note with decisions for users, from the measurement. Null: there are none. */
  note(
    inputs: Readonly<Record<string, DraftKeys>>,
    found: { readonly folder: ModelFolder | null; readonly measured: FeatureData | null },
  ): DraftNote | null;
  /** Drafts steps behind the model. Null: there are none. */
  finish(map: DraftedMap, context: FinishContext): DraftedFinish | null;
}

/** Input as the columns before the model feed it. */
export interface MadeInput {
  readonly input: InputSpec;
  readonly fields: readonly Field[];
}

export interface MeasureContext {
  readonly signature: ModelSignature;
  readonly folder: ModelFolder | null;
  /** Text columns, except those that identify rows. */
  readonly texts: readonly Field[];
}

/** Note about an input, with an optional step. */
export interface DraftNote {
  readonly input: string;
  readonly question: string;
  /** Step that is written as a comment. Null: there is no optional step. */
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
  /** Binds a map. Null: the map is invalid. */
  bind(map: DraftedMap): MapBinding | null;
  /** Returns the first name that no column has, or else the first name with a number behind it. */
  freeName(names: readonly [string, ...string[]]): string;
}

/** Steps behind the model, and the keys and columns that they need. */
export interface DraftedFinish {
  readonly input: string;
  /** Further keys of the input. */
  readonly keys: DraftKeys;
  readonly keep: readonly string[];
  readonly finish: readonly DraftKeys[];
  /** Description of the steps, as a comment. */
  readonly says: string;
}
