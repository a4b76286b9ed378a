/** What can be hostile. Each is tried where the product parses it. */
const FILE_KINDS = ["parquet", "arrow", "onnx", "jobFile", "journal", "partial"] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/**
 * `wire`: bytes on the port of a real coordinator. `call`: calls to one, well formed and meant to harm.
 * `peers`: far too much of what is allowed, while others are at work.
 */
export const HOSTILE_KINDS = [...FILE_KINDS, "wire", "call", "peers"] as const;
export type HostileKind = (typeof HOSTILE_KINDS)[number];

/** One hostile thing: everything about it follows from these. */
export interface Trial {
  readonly kind: HostileKind;
  readonly seed: number;
  readonly index: number;
}

export interface Outcome {
  readonly what: string;
  /** `accepted`, or the code of a typed error. */
  readonly how: string;
  /** Why this is not an end that a hostile file may have, or null when it is one. */
  readonly broken: string | null;
}

/** A seed for each trial, so that one can be run again without those before it. */
export function trialSeed({ kind, seed, index }: Trial): number {
  return (seed * 1_000_003 + index * 7_919 + HOSTILE_KINDS.indexOf(kind) * 104_729) >>> 0;
}
