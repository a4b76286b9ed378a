/** Start of this run of a job. */
export type JobOrigin =
  | { readonly kind: "new" }
  /** Earlier commits stay. `after` is how the previous run ended. */
  | {
      readonly kind: "resumed";
      readonly after: "interruption" | "failed" | "cancelled";
      readonly shardsCommitted: number;
      readonly shardsTotal: number;
    }
  /** An earlier run has published the output, so no work was left. */
  | { readonly kind: "published" }
  /** A job with `input.new`: its published runs have read all of the input. */
  | { readonly kind: "nothingNew" };
