import type { Field } from "../domain/dataset.ts";
import type { CommentedEntry } from "../job-file/commented-yaml.ts";

/** Part of a step with which `init` drafts a job around it, without a model. */
export interface JobDraftPart {
  /** Name of the option with the address: `ask`. The variable of its key is named by `ask-key`. */
  readonly option: string;
  readonly says: string;
  /** Loads the draft. */
  load(): Promise<(address: string, context: JobDraftContext) => Promise<DraftedStep>>;
}

export interface JobDraftContext {
  /** Columns of the input with unique names. */
  readonly fields: readonly Field[];
  /** Text columns, except those that identify rows. */
  readonly texts: readonly Field[];
  /** Name of the variable with the key of the address. Null: no key. */
  readonly key: string | null;
  readonly env: NodeJS.ProcessEnv;
  /** Returns the first name that no column has, or else the first name with a number behind it. */
  freeName(names: readonly [string, ...string[]]): string;
  readonly signal: AbortSignal;
}

/** Value of the step's key in the job file. */
export interface DraftedStep {
  readonly entries: readonly CommentedEntry[];
}
