import type { RecordBatch } from "apache-arrow";

/** Shows what a step made of rows, piece by piece: tokens of a text. Rows without any are left out. */
export interface StepViewer {
  /** @param made rows behind the step */
  view(made: ViewedRows): Promise<readonly TokensView[]>;
}

interface ViewedRows {
  readonly batch: RecordBatch;
  /** Rows that were cut off. */
  readonly rowsTruncated: readonly number[];
  /** Most rows that are shown. */
  readonly mostRows: number;
}

/** Tokens of a row. */
export interface TokensView {
  readonly count: number;
  readonly isTruncated: boolean;
  /** The first ones. */
  readonly tokens: readonly { readonly id: number; readonly text: string }[];
}
