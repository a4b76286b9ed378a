import { type FileHandle, open } from "node:fs/promises";
import { ShardmillError } from "../../shared/core/errors.ts";
import { ZOD } from "../../shared/core/zod.ts";
import { localPathOf } from "../../shared/domain/location.ts";
import type { StepFile } from "../../shared/domain/step-binding.ts";
import { type SetFacts, setFacts } from "./op.ts";

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
const TRAILER_BYTES = 4;
/** Limit of the facts, far above what they take. A larger number is that of another file. */
const FACTS_BYTES = 4_096;

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

/**
 * Reads the facts of a packed set on this machine.
 *
 * @throws {CACHE_FAILED} when the file is none
 */
export async function readFacts({ location, bytes }: StepFile): Promise<SetFacts> {
  const path = localPathOf(location);
  await using file = await open(path);
  const trailer = await readAt(file, bytes - TRAILER_BYTES, TRAILER_BYTES);
  const length = trailer.readUInt32LE();
  if (length > FACTS_BYTES) throw damaged(path);
  const json = await readAt(file, bytes - TRAILER_BYTES - length, length);
  const facts = setFacts(ZOD).safeParse(JSON.parse(json.toString()));
  if (!facts.success) throw damaged(path);
  return facts.data;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer;
}

function damaged(path: string): ShardmillError {
  return new ShardmillError("CACHE_FAILED", `${path} is not a packed set of vectors`, {
    fields: { path },
    hint: "remove the file, and plan the job again",
  });
}
