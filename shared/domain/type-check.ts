/** Result of checking a program's types. */
export type TypeCheck = {
  /** Path as in the job file. */
  readonly path: string;
} & (
  | { readonly kind: "checked"; readonly typescript: string }
  /** The check could not run. The job runs anyway. */
  | { readonly kind: "unchecked"; readonly why: string }
);
