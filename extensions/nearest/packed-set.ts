import type { SetFacts } from "./op.ts";

/**
 * Layout of a packed set, little-endian:
 *
 * ```
 * vectors float32 [rows, dims] | weights float32 [rows] | ids | facts as JSON | their bytes uint32
 * ids: int64 [rows], or ends of the texts uint32 [rows] and then their UTF-8
 * ```
 *
 * A weight is what a score needs besides the product of the vectors: see `weightOf`.
 */
export interface SetPlaces {
  readonly weights: number;
  readonly ids: number;
  /** First byte of texts. */
  readonly texts: number;
}

/** Bytes of the number at the end. */
export const TRAILER_BYTES = 4;

/** Returns the places of a set's parts. The vectors come first. */
export function placesOf({ rows, dims }: Pick<SetFacts, "rows" | "dims">): SetPlaces {
  const weights = 4 * rows * dims;
  const ids = weights + 4 * rows;
  return { weights, ids, texts: ids + 4 * rows };
}

/** Returns the end of a packed set's file. */
export function encodeFacts(facts: SetFacts): Uint8Array {
  const json = Buffer.from(JSON.stringify(facts));
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32LE(json.length);
  return Buffer.concat([json, trailer]);
}
