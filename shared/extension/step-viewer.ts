import type { RecordBatch } from "apache-arrow";

/** Shows the pieces that a step made of rows, such as tokens of a text. Skips rows without pieces. */
export interface StepViewer {
  /** @param made rows behind the step */
  view(made: ViewedRows): Promise<readonly TokensView[]>;
}

interface ViewedRows {
  readonly batch: RecordBatch;
  /** Rows with a truncated text. */
  readonly rowsTruncated: readonly number[];
  /** Limit of shown rows. */
  readonly mostRows: number;
}

/** Tokens of a row. */
export interface TokensView {
  readonly count: number;
  readonly isTruncated: boolean;
  /** First tokens of the row. */
  readonly tokens: readonly { readonly id: number; readonly text: string }[];
}
