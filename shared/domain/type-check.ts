/** Outcome of the check of a program's types. */
export type TypeCheck = {
  /** As the job names it. */
  readonly path: string;
} & (
  | { readonly kind: "checked"; readonly typescript: string }
  /** It could not be: the job runs all the same. */
  | { readonly kind: "unchecked"; readonly why: string }
);
