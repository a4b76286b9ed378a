/** Reason why a column is text though most of its sampled values are numbers. */
export interface TextCause {
  readonly column: string;
  readonly why: string;
  /** Advice how to read the column as numbers. */
  readonly hint: string;
  /** Options that read the file as intended. Null: only the user can decide. */
  readonly remedy: FormatRemedy | null;
}

/** Options of a format that `init` writes into a job file. */
export interface FormatRemedy {
  /** Name of the format, which is also the key of `input`. */
  readonly format: string;
  readonly options: Readonly<Record<string, string>>;
  /** Comment about the options. */
  readonly says: string;
}
