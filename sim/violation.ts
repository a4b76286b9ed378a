import type { Law } from "../shared/domain/laws.ts";

/** A broken law, and how it was detected. */
export interface Violation {
  readonly law: Law;
  readonly message: string;
}
