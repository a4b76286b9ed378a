import type { Law } from "../shared/domain/laws.ts";
import type { StorageKind } from "./storage-kind.ts";

/**
 * A bug that is planted on purpose: edits of the compiled code, each of a text that is there exactly once.
 */
export interface Mutant {
  readonly name: string;
  /** What it does. */
  readonly says: string;
  /** By any of these it may be found. */
  readonly breaks: readonly Law[];
  /** Where the outputs of its worlds are. Left out: as each seed says. */
  readonly storage?: StorageKind;
  readonly edits: readonly {
    /** Below the compiled tree. */
    readonly file: string;
    readonly find: string;
    readonly replace: string;
  }[];
}

/** One edit of a mutant. */
export function edit(file: string, find: string, replace: string): Mutant["edits"][number] {
  return { file, find, replace };
}
