/** Reason why a column is text though most of its values are numbers, as far as files were looked at. */
export interface TextCause {
  readonly column: string;
  readonly why: string;
  /** Advice that makes numbers of it. */
  readonly hint: string;
  /** Options by which the file is read as it seems to be meant. Null: only the user can decide. */
  readonly remedy: FormatRemedy | null;
}

/** Options of a format, which `init` writes into a job file. */
export interface FormatRemedy {
  /** Name of the format, which is the key of `input`. */
  readonly format: string;
  readonly options: Readonly<Record<string, string>>;
  /** Comment on them. */
  readonly says: string;
}
