import type { Field } from "../domain/dataset.ts";
import type { Location } from "../domain/location.ts";
import type { ModelFolder } from "../domain/model-folder.ts";
import type { ModelSignature, TensorInfo } from "../domain/tensor.ts";

/** Part of a feature that `init` uses: which files are the feature's, and how inputs are made of them. */
export interface FeatureDraft {
  /** Names of such files. */
  readonly name: RegExp;
  /** Their endings, for `find`. */
  readonly endings: readonly string[];
  /** Looks at the bytes of a file. Null: it is none of the feature's. */
  look(bytes: Uint8Array): Promise<LookedAt | null>;
  /** Loads how inputs are made of such files. */
  loadWays(): Promise<DraftWays>;
}

interface LookedAt {
  /** Samples a second. Null: the file has none. */
  readonly rate: number | null;
}

export interface DraftWays {
  /** Drafts an input that is made of files. */
  readonly way: InputWay;
  /** Returns whether the folder says that an input is made of such files. Left out: it does not. */
  claims?(tensor: TensorInfo, folder: ModelFolder | null): boolean;
  /**
   * Finds the value of an input that is the same for all rows.
   *
   * @param drafted keys of the inputs that are drafted already
   */
  value?(tensor: TensorInfo, drafted: readonly DraftKeys[]): number | null;
  /** Asks whether a column that is taken as plain bytes holds such files. Null: it cannot. */
  ask?(tensor: TensorInfo, field: Field): string | null;
}

/** Finds how an input may be made of a column. Null: it is not meant. */
export type InputWay = (tensor: TensorInfo, context: WayContext) => FoundWay | null;

/** Facts by which a way is found. */
export interface WayContext {
  readonly signature: ModelSignature;
  /** Whether the model has states, which go from one run to the next. */
  readonly hasStates: boolean;
  readonly folder: ModelFolder | null;
  /** Columns that feed no input yet. */
  readonly free: readonly Field[];
  /** Columns of text, but those that tell rows apart. */
  readonly texts: readonly Field[];
  /** Columns whose rows are lists of numbers. */
  readonly lists: readonly Field[];
  /** By column, the files that its cells hold, or name. Columns without any are left out. */
  readonly files: ReadonlyMap<string, SeenFiles>;
  /** Returns whether the input can be made so, beside those that are drafted already. */
  readonly fits: (keys: DraftKeys) => boolean;
}

/** Keys that could feed an input of the model. */
export interface FoundWay {
  readonly keys: DraftKeys;
  /** Questions that only the user can answer. */
  readonly questions: readonly string[];
}

/** Keys of an input or of an output, as they are written in a job file. */
export type DraftKeys = Readonly<Record<string, unknown>>;

/** Files that the cells of a column were seen to hold or to name. */
export interface SeenFiles {
  /** Name of the feature's files: `sounds`. */
  readonly what: string;
  /** Whether a file was opened; else only their names told. */
  readonly opened: boolean;
  /** Folder from which relative paths lead to files. Null: there are no such paths. */
  readonly folder: Location | null;
  /** Samples a second that they have, each once, the commonest first. */
  readonly rates: readonly number[];
}

/** Names that are listed. More say nothing to a reader. */
const MOST_NAMES = 12;

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).join(", ");
  return names.length > MOST_NAMES ? `${shown} and ${names.length - MOST_NAMES} more` : shown;
}

/** Asks which of several columns it is, the taken one among them. */
export function whichColumn(fields: readonly Field[], what: string): readonly string[] {
  return fields.length < 2 ? [] : [`which column is it? ${what}: ${listed(fields.map(({ name }) => name))}`];
}

/** Asks where a column names files, and none was found. */
export function lostQuestions(seen: SeenFiles | undefined): readonly string[] {
  if (seen === undefined || seen.opened) return [];
  return [`the ${seen.what} were not opened, only their names seen: is \`folder\` where their paths start?`];
}
