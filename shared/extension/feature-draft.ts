import type { Field } from "../domain/dataset.ts";
import type { Location } from "../domain/location.ts";
import type { ModelFolder } from "../domain/model-folder.ts";
import type { ModelSignature, TensorInfo } from "../domain/tensor.ts";

/** Part of a feature that `init` uses: it recognises the feature's files, and drafts inputs from them. */
export interface FeatureDraft {
  /** Pattern of the files' names. */
  readonly name: RegExp;
  /** Endings of the files, for `find`. */
  readonly endings: readonly string[];
  /** Checks the bytes of a file. Null: the file is not one of the feature's. */
  look(bytes: Uint8Array): Promise<LookedAt | null>;
  /** Loads the code that drafts inputs from such files. */
  loadWays(): Promise<DraftWays>;
}

interface LookedAt {
  /** Samples a second. Null: the file has no rate. */
  readonly rate: number | null;
}

export interface DraftWays {
  /** Drafts an input from files. */
  readonly way: InputWay;
  /** Checks whether the model's folder says that an input is made from such files. Default: never. */
  claims?(tensor: TensorInfo, folder: ModelFolder | null): boolean;
  /**
   * Returns the value of an input that is the same for all rows. Null: the input is no such one.
   *
   * @param drafted keys of the inputs that are drafted already
   */
  value?(tensor: TensorInfo, drafted: readonly DraftKeys[]): number | null;
  /** Returns the question whether a column of plain bytes holds such files. Null: the column cannot. */
  ask?(tensor: TensorInfo, field: Field): string | null;
}

/** Finds how an input can be made from a column. Null: this way does not apply. */
export type InputWay = (tensor: TensorInfo, context: WayContext) => FoundWay | null;

/** Facts from which a way is found. */
export interface WayContext {
  readonly signature: ModelSignature;
  /** True when the model has states that pass from one run to the next. */
  readonly hasStates: boolean;
  readonly folder: ModelFolder | null;
  /** Columns that feed no input yet. */
  readonly free: readonly Field[];
  /** Text columns, except those that identify rows. */
  readonly texts: readonly Field[];
  /** Columns whose cells are lists of numbers. */
  readonly lists: readonly Field[];
  /** Files that cells hold or name, by column. Columns without files are missing. */
  readonly files: ReadonlyMap<string, SeenFiles>;
  /** Checks whether the input can be made from these keys, besides the inputs that are drafted already. */
  readonly fits: (keys: DraftKeys) => boolean;
}

/** Keys that can feed an input of the model. */
export interface FoundWay {
  readonly keys: DraftKeys;
  /** Questions that only the user can answer. */
  readonly questions: readonly string[];
}

/** Keys of an input or output, as written in a job file. */
export type DraftKeys = Readonly<Record<string, unknown>>;

/** Files that a column's cells hold or name. */
export interface SeenFiles {
  /** Name of the feature's files: `sounds`. */
  readonly what: string;
  /** True when a file was opened. False: only the names are known. */
  readonly opened: boolean;
  /** Base folder of relative paths. Null: there are no such paths. */
  readonly folder: Location | null;
  /** Distinct sample rates of the files, most frequent first. */
  readonly rates: readonly number[];
}

/** Limit of listed names, so lists stay readable. */
const MOST_NAMES = 12;

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).join(", ");
  return names.length > MOST_NAMES ? `${shown} and ${names.length - MOST_NAMES} more` : shown;
}

/** Asks which of several columns is meant. The selected column is one of them. */
export function whichColumn(fields: readonly Field[], what: string): readonly string[] {
  return fields.length < 2 ? [] : [`which column is it? ${what}: ${listed(fields.map(({ name }) => name))}`];
}

/** Asks about the folder if a column names files and none was found. */
export function lostQuestions(seen: SeenFiles | undefined): readonly string[] {
  if (seen === undefined || seen.opened) return [];
  return [
    `the ${seen.what} were not opened, only their names were read: is \`folder\` the base of their paths?`,
  ];
}
