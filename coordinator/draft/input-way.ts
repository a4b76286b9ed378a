import type { Field } from "../../shared/domain/dataset.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import type { SeenFiles } from "./sample/data-sample.ts";
import type { DraftContext, DraftKeys } from "./try-bind.ts";

/** How an input of the model could be fed. */
export interface FoundWay {
  readonly keys: DraftKeys;
  /** What only the user can know. */
  readonly questions: readonly string[];
}

/** What a way is looked for in. */
export interface WayContext extends DraftContext {
  /** The columns that feed no input yet. */
  readonly free: readonly Field[];
  /** Whether the input can be made so, beside those that are drafted already. */
  readonly fits: (keys: DraftKeys) => boolean;
}

/** One way in which an input may be made of a column; null where it is not meant. */
export type InputWay = (tensor: TensorInfo, context: WayContext) => FoundWay | null;

/** More names than these say nothing to a reader. */
const MOST_NAMES = 12;

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).join(", ");
  return names.length > MOST_NAMES ? `${shown} and ${names.length - MOST_NAMES} more` : shown;
}

/** What is asked where several columns would do, the taken one among them. */
export function whichColumn(fields: readonly Field[], what: string): readonly string[] {
  return fields.length < 2 ? [] : [`which column is it? ${what}: ${listed(fields.map(({ name }) => name))}`];
}

/** What is asked where a column names files, and none was found. */
export function lostQuestions(seen: SeenFiles | undefined): readonly string[] {
  if (seen === undefined || seen.opened) return [];
  return [`the ${seen.what} were not opened, only their names seen: is \`folder\` where their paths start?`];
}
