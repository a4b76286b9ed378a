import { type FileHandle, open } from "node:fs/promises";
import { ShardmillError } from "../../shared/core/errors.ts";
import { ZOD } from "../../shared/core/zod.ts";
import { localPathOf } from "../../shared/domain/location.ts";
import type { StepFile } from "../../shared/domain/step-binding.ts";
import { type SetFacts, setFacts } from "./op.ts";
import { TRAILER_BYTES } from "./packed-set.ts";

/** Limit of the facts, far above what they take. A larger number is that of another file. */
const FACTS_BYTES = 4_096;

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
