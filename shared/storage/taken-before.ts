import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";
import { sha256 } from "../core/digest.ts";

/** Memory of whether a store has accepted the credentials once: see `CredentialCache`. */
export interface TakenBefore {
  read(): boolean;
  write(isSo: boolean): void;
}

/** Number of flags: more than a job's stores. Stores that share one are only retried more or less often. */
const PLACES = 1_024;

/** Key of the shared memory: a thread inherits it from its starter, see `processTally`. */
const KEY = "shardmill.credentialsTaken";
const given = getEnvironmentData(KEY) as SharedArrayBuffer | undefined;
const memory = given ?? new SharedArrayBuffer(PLACES);
setEnvironmentData(KEY, memory);
const places = new Uint8Array(memory);

/**
 * Returns the flag that all threads of this process share. A thread that starts while a store refuses is then
 * as patient as earlier ones.
 *
 * @param store settings of the store, and the identity used
 */
export function takenBefore(store: unknown): TakenBefore {
  const at = Number.parseInt(sha256(JSON.stringify(store)).slice(0, 8), 16) % PLACES;
  return {
    read: () => Atomics.load(places, at) === 1,
    write: (isSo) => void Atomics.store(places, at, isSo ? 1 : 0),
  };
}

/** Returns a flag of one cache alone. */
export function takenHere(): TakenBefore {
  let isTaken = false;
  return {
    read: () => isTaken,
    write: (isSo) => {
      isTaken = isSo;
    },
  };
}
