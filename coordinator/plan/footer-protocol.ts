import type { ErrorData } from "../../shared/core/errors.ts";
import type { FoundFile } from "./input/discover.ts";
import type { FileFooter } from "./seal-dataset.ts";

/** To a footer process: one file at a time. */
export interface FooterRequest {
  readonly file: FoundFile;
}

/** From it. A process whose decoder broke says so and reads on with a fresh one. */
export type FooterReply =
  | { readonly kind: "read"; readonly footer: FileFooter }
  | { readonly kind: "failed"; readonly error: ErrorData };
