/** How this run of a job began. */
export type JobOrigin =
  | { readonly kind: "new" }
  /** What was committed before stays. `after` says how the run before ended. */
  | {
      readonly kind: "resumed";
      readonly after: "interruption" | "failed" | "cancelled";
      readonly shardsCommitted: number;
      readonly shardsTotal: number;
    }
  /** Published by an earlier run: nothing was left to do. */
  | { readonly kind: "published" }
  /** Of a job with `input.new`: its published runs have read all of the input. */
  | { readonly kind: "nothingNew" };
