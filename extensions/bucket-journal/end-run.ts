import { encodeRecord } from "../../coordinator/journal/framing.ts";
import type { EndOptions, RunFolder } from "../../coordinator/journal/shared-journals.ts";
import { sleepBy } from "../../shared/core/abort.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { ownMapping } from "../../shared/core/mapping.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { UNAWARE_MS } from "./bucket-hold.ts";
import { decodeObject, encodeObject, objectLocation } from "./journal-object.ts";

/**
 * Ends the run of a lost coordinator, before its journal is removed, by putting the journal's next object. A
 * coordinator that resumes now can write no more. An earlier check of its own stays valid for a while, and
 * removal frees the journal's numbers. So this function waits until that check has expired. Law `one-holder`.
 *
 * @throws {OUTPUT_LOCKED} when the coordinator has written since, so it still runs
 */
export async function endRun(
  { own, storage }: RunFolder,
  { clock, random, signal }: EndOptions,
): Promise<void> {
  const journal = below(own, "journal");
  const last = await lastNumber(journal, storage, signal);
  // A generation that begins here checks the run before it continues.
  if (last === 0) return;
  const generation = (await generationAt(objectLocation(journal, last), storage, signal)) + 1;
  const fence = encodeRecord({
    kind: "generationStarted",
    generation,
    build: buildVersion,
    mapping: ownMapping(),
    wallMs: clock.wallMs(),
    previousBytes: 0,
    previousCrc32: 0,
  });
  const object = encodeObject({ generation, writer: random.hex(16), at: 0 }, fence);
  const next = objectLocation(journal, last + 1);
  try {
    await storage.put(next, sourceOfBytes(object), { ifAbsent: true, signal });
  } catch (error) {
    if (isShardmillError(error, "STORE_EXISTS")) throw isHeld(next);
    throw error;
  }
  await sleepBy(clock, UNAWARE_MS, signal);
}

/** Returns the highest object number, or 0 without objects. */
async function lastNumber(journal: Location, storage: Storage, signal: AbortSignal): Promise<number> {
  let last = 0;
  try {
    for await (const entries of storage.list(journal, { signal }))
      for (const { name } of entries) if (/^\d+$/.test(name)) last = Math.max(last, Number(name));
  } catch (error) {
    if (!isShardmillError(error, "STORE_NOT_FOUND")) throw error;
  }
  return last;
}

/** Returns an object's generation. A damaged object, from which no coordinator can resume, has 0. */
async function generationAt(path: Location, storage: Storage, signal: AbortSignal): Promise<number> {
  const { bytes } = await storage.stat(path, signal);
  const object = Buffer.from(await storage.read(path, 0, bytes, { signal }));
  try {
    return decodeObject(path, object).generation;
  } catch (error) {
    if (isShardmillError(error, "JOURNAL_CORRUPT")) return 0;
    throw error;
  }
}

function isHeld(path: Location): ShardmillError {
  const what = "another coordinator, which had stopped answering, works on this output again";
  return new ShardmillError("OUTPUT_LOCKED", `${what}: it has written ${path}`, {
    fields: { path },
    hint: "wait for the other coordinator, or stop it, then run the job again",
  });
}
