import { expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { isShardmillError } from "../../../shared/core/errors.ts";
import { BrokenLaw } from "../../../shared/domain/laws.ts";
import { MemoryStorage } from "../../../shared/storage/memory.ts";
import { aDigest } from "../../support/ids.ts";
import { runRivals } from "./rival-worlds.ts";

/** Coordinators on several machines over bad connections. Each seed is a world. */

const SEEDS = 24;
/**
 * Limit of the search for a planted fault, which is rarer than a meeting. The first world with it ends the
 * search.
 */
const MOST_SEEDS = 400;

test("stopped, crashed and restarted coordinators on a bad network produce one history", async () => {
  let [generations, locked, acknowledged] = [0, 0, 0];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const result = await runRivals(seed);
    generations += result.generations;
    locked += result.locked;
    acknowledged += result.acknowledged;
  }
  // The coordinators met each other, and committed shards.
  expect(generations).toBeGreaterThan(2 * SEEDS);
  expect(locked).toBeGreaterThan(SEEDS);
  expect(acknowledged).toBeGreaterThan(10 * SEEDS);
});

type Put = Parameters<MemoryStorage["put"]>;

/** A store that replaces objects unconditionally, so nothing is a fence. */
class Replacing extends MemoryStorage {
  override put(...[location, source]: Put) {
    return super.put(location, source, { signal: NEVER });
  }
}

/** A store that reports another's object as one's own, so a lost answer proves nothing. */
class Gullible extends MemoryStorage {
  override async put(...[location, source, options]: Put) {
    return await super.put(location, source, options).catch((error: unknown) => {
      if (isShardmillError(error, "STORE_EXISTS")) return { bytes: source.bytes, sha256: aDigest("") };
      throw error;
    });
  }
}

/** A store that answers before its work, and forgets one put in twenty. */
class Forgetful extends MemoryStorage {
  #puts = 0;
  override async put(...[location, source, options]: Put) {
    this.#puts += 1;
    const isForgotten = this.#puts % 20 === 0 && options?.ifAbsent === true;
    return isForgotten
      ? { bytes: source.bytes, sha256: aDigest("") }
      : await super.put(location, source, options);
  }
}

test.each([
  [
    "puts replace objects unconditionally",
    () => new Replacing(),
    ["tokens-grow", "record-before-answer", "one-holder", "JOURNAL_CORRUPT"],
  ],
  [
    "an object of another writer is reported as one's own",
    () => new Gullible(),
    ["tokens-grow", "record-before-answer"],
  ],
  ["an acknowledged put is lost", () => new Forgetful(), ["record-before-answer", "JOURNAL_CORRUPT"]],
])(
  "the simulation detects a store where %s",
  async (_what, storeOf, signs) => {
    let found: string | null = null;
    for (let seed = 1; seed <= MOST_SEEDS && found === null; seed += 1) {
      found = await runRivals(seed, { storeOf }).then(
        () => null,
        (error: unknown) => signOf(error),
      );
    }
    expect(signs).toContain(found);
  },
  300_000,
);

function signOf(error: unknown): string {
  if (error instanceof BrokenLaw) return error.law;
  if (isShardmillError(error, "JOURNAL_CORRUPT")) return error.code;
  throw error;
}
