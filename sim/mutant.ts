import type { Law } from "../shared/domain/laws.ts";
import type { StorageKind } from "./storage-kind.ts";

/** A planted bug: edits of the compiled code. Each text to replace occurs exactly once. */
export interface Mutant {
  readonly name: string;
  /** Effect of the bug. */
  readonly says: string;
  /** Laws by which the bug may be detected. */
  readonly breaks: readonly Law[];
  /** Storage of the outputs of its worlds. Default: as each seed decides. */
  readonly storage?: StorageKind;
  /** Worlds have reductions by key. Default: as each seed decides. */
  readonly tasks?: true;
  readonly edits: readonly {
    /** Path below the compiled tree. */
    readonly file: string;
    readonly find: string;
    readonly replace: string;
  }[];
}

export function edit(file: string, find: string, replace: string): Mutant["edits"][number] {
  return { file, find, replace };
}
