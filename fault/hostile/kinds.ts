/** Kinds of hostile files. Each is tried where the product parses it. */
const FILE_KINDS = ["parquet", "arrow", "onnx", "jobFile", "journal", "partial"] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/**
 * Kinds of attacks. `wire`: bytes on the port of a real coordinator. `call`: well-formed calls with harmful
 * content. `peers`: far too many allowed calls, while others work.
 */
export const HOSTILE_KINDS = [...FILE_KINDS, "wire", "call", "peers"] as const;
export type HostileKind = (typeof HOSTILE_KINDS)[number];

/** One trial. Its fields determine everything about it. */
export interface Trial {
  readonly kind: HostileKind;
  readonly seed: number;
  readonly index: number;
}

export interface Outcome {
  readonly what: string;
  /** `accepted`, or the code of a typed error. */
  readonly how: string;
  /** Reason why a hostile file must not end like this. Null: it may. */
  readonly broken: string | null;
}

/** Returns the seed of a trial, so that one can be repeated without the previous ones. */
export function trialSeed({ kind, seed, index }: Trial): number {
  return (seed * 1_000_003 + index * 7_919 + HOSTILE_KINDS.indexOf(kind) * 104_729) >>> 0;
}
