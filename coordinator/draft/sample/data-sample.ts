import type { Location } from "../../../shared/domain/location.ts";

/** What a look at some rows of the input told, beyond the types of its columns. */
export interface DataSample {
  /** By column: the files that its cells hold, or name. Columns without any are left out. */
  readonly files: ReadonlyMap<string, SeenFiles>;
  /** Why the rows could not be looked at; null where they could. */
  readonly failure: string | null;
}

/** What the cells of a column were seen to hold or to name. */
export interface SeenFiles {
  readonly what: FileKind;
  /** Whether a file was opened; else only their names told. */
  readonly opened: boolean;
  /** Where the relative paths in it lead to files from; null where there are none. */
  readonly folder: Location | null;
  /** Of sounds, the samples a second that they have, each once, the commonest first. */
  readonly rates: readonly number[];
}

export type FileKind = "sounds" | "images";

/** Nothing was looked at. */
export const NO_SAMPLE: DataSample = { files: new Map(), failure: null };
