import type { Law } from "../shared/domain/laws.ts";

/** A law that was broken, and how it was seen. */
export interface Violation {
  readonly law: Law;
  readonly message: string;
}
