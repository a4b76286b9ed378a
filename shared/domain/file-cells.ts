import type { Location } from "./location.ts";

/** Content of the cells in a column of files: the bytes of files, or their locations. */
export type FileCells =
  | { readonly kind: "bytes" }
  /** Relative paths start from the folder. */
  | { readonly kind: "locations"; readonly folder: Location };
