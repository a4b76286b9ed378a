/** What became of the check of a file's types, of the user's own code. */
export type TypeCheck = {
  /** As the job names it. */
  readonly path: string;
} & (
  | { readonly kind: "checked"; readonly typescript: string }
  /** It could not be: the job runs all the same. */
  | { readonly kind: "unchecked"; readonly why: string }
);
