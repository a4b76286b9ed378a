import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";
import { sha256 } from "../core/digest.ts";

/** That credentials of a store were taken once: see `CredentialCache`. */
export interface TakenBefore {
  read(): boolean;
  write(isSo: boolean): void;
}

/** More stores than a job has; two that share a place are only more patient, or less. */
const PLACES = 1_024;

/** Threads get it from the one that starts them: see `processTally`. */
const KEY = "shardmill.credentialsTaken";
const given = getEnvironmentData(KEY) as SharedArrayBuffer | undefined;
const memory = given ?? new SharedArrayBuffer(PLACES);
setEnvironmentData(KEY, memory);
const places = new Uint8Array(memory);

/**
 * What all threads of this process know together: one that starts while a store refuses is as patient as
 * those that it let in before.
 *
 * @param store its settings, and as whom it is asked
 */
export function takenBefore(store: unknown): TakenBefore {
  const at = Number.parseInt(sha256(JSON.stringify(store)).slice(0, 8), 16) % PLACES;
  return {
    read: () => Atomics.load(places, at) === 1,
    write: (isSo) => void Atomics.store(places, at, isSo ? 1 : 0),
  };
}

/** What one cache alone knows. */
export function takenHere(): TakenBefore {
  let isTaken = false;
  return {
    read: () => isTaken,
    write: (isSo) => {
      isTaken = isSo;
    },
  };
}
