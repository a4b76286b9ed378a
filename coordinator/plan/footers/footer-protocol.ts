import type { ErrorData } from "../../../shared/core/errors.ts";
import type { FoundFile } from "../input/discover.ts";
import type { FileFooter } from "./seal-dataset.ts";

/** To a footer process: the next when the one before is answered. */
export interface FooterRequest {
  readonly files: readonly FoundFile[];
  /** SQL: of columns whose names are in it, statistics are wanted. Null: of none. */
  readonly where: string | null;
}

/** What files of one kind have in common. */
export type FileSchema = Pick<FileFooter, "fields" | "layout">;

/**
 * From it: an answer for each file, in their order. A process whose decoder broke says so and reads on with a
 * fresh one.
 */
export interface FooterAnswer {
  /** Each once, for answers to point to. */
  readonly schemas: readonly FileSchema[];
  readonly files: readonly FileAnswer[];
}

export type FileAnswer =
  | ({ readonly kind: "read"; readonly schema: number } & Pick<
      FileFooter,
      "file" | "rowGroups" | "statistics"
    >)
  | { readonly kind: "failed"; readonly error: ErrorData };

/** One file's answer, put together again. */
export type FooterReply =
  | { readonly kind: "read"; readonly footer: FileFooter }
  | { readonly kind: "failed"; readonly error: ErrorData };
