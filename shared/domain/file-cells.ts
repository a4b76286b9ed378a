import type { Location } from "./location.ts";

/** What the cells of a column of files are: the bytes of files, or where they are. */
export type FileCells =
  | { readonly kind: "bytes" }
  /** Relative paths start from the folder. */
  | { readonly kind: "locations"; readonly folder: Location };
