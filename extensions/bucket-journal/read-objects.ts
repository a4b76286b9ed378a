import { corrupt } from "../../coordinator/journal/read-segment.ts";
import type { FoundSnapshot, JournalPlace } from "../../coordinator/journal/snapshot-file.ts";
import type { JournalRecord } from "../../coordinator/schedule/state/record.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError, type ShardmillError } from "../../shared/core/errors.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { decodeObject, type JournalObject, objectLocation } from "./journal-object.ts";

/** Objects that are read concurrently: few at first, because the newest snapshot may have no successors. */
const AT_ONCE = { first: 4, most: 32 } as const;

/**
 * Reader of a journal in a bucket. Objects are numbered from 1 without a gap, and never change. So the
 * journal need not be listed, and a reader of a growing journal gets a prefix.
 */
export class ObjectsReader {
  readonly records: JournalRecord[] = [];
  /** Generation of the last object read, or 0 before the first. */
  generation: number;
  /** Number of the first unread object, which does not exist yet. */
  next: number;
  /** End of the generation's stream so far. Null: no object was read. */
  #end: number | null = null;
  /** Place up to which a snapshot covers the journal. */
  readonly #known: Pick<JournalPlace, "generation" | "bytes">;
  readonly #journal: Location;
  readonly #storage: Pick<Storage, "stat" | "read">;

  /** @param behind snapshot whose records are not read again, or null to read all */
  constructor(journal: Location, storage: Pick<Storage, "stat" | "read">, behind: FoundSnapshot | null) {
    this.#journal = journal;
    this.#storage = storage;
    this.#known = behind?.head.place ?? { generation: 0, bytes: 0 };
    this.generation = this.#known.generation;
    // The predecessor must exist: its absence reveals that the journal behind the snapshot is gone.
    this.next = behind === null ? 1 : behind.number - 1;
  }

  /**
   * Reads all objects that exist by now.
   *
   * @throws {JOURNAL_CORRUPT} when an object is missing or damaged
   * @throws {STORE_FAILED} and other storage errors
   */
  async readOn(): Promise<void> {
    for (let width: number = AT_ONCE.first; ; width = Math.min(2 * width, AT_ONCE.most)) {
      const numbers = Array.from({ length: width }, (_, index) => this.next + index);
      const found = await Promise.all(numbers.map((number) => this.#object(number)));
      const missing = found.indexOf(null);
      for (const object of missing < 0 ? found : found.slice(0, missing))
        if (object !== null) this.#add(object);
      if (missing < 0) continue;
      if (found.slice(missing).every((object) => object === null)) break;
      // The object was put during these reads, or it is lost.
      const late = await this.#object(this.next);
      if (late === null) throw this.#corrupt("it is missing, and one with a higher number exists");
      this.#add(late);
    }
    const { generation, bytes } = this.#known;
    const isKnown = this.generation > generation || (this.#end ?? -1) >= bytes;
    if (generation > 0 && !isKnown) throw this.#corrupt("it is missing, and a snapshot covers it");
  }

  async #object(number: number): Promise<JournalObject | null> {
    const location = objectLocation(this.#journal, number);
    try {
      const { bytes } = await this.#storage.stat(location, NEVER);
      return decodeObject(
        location,
        Buffer.from(await this.#storage.read(location, 0, bytes, { signal: NEVER })),
      );
    } catch (error) {
      if (isShardmillError(error, "STORE_NOT_FOUND")) return null;
      throw error;
    }
  }

  #add(object: JournalObject): void {
    const { generation, at, frameBytes } = object;
    const knownBytes = generation === this.#known.generation ? this.#known.bytes : 0;
    const follows = this.#end === null ? at <= knownBytes : at === this.#end;
    const begins = generation === this.generation + 1 && at === 0;
    if (generation === this.generation ? !follows : !begins)
      throw this.#corrupt(
        `it begins at byte ${at} of generation ${generation}, which does not follow the previous object`,
      );
    const records = object.records(knownBytes);
    if (begins && records[0]?.kind !== "generationStarted")
      throw this.#corrupt(`it does not begin with the start of generation ${generation}`);
    for (const record of records) this.records.push(record);
    this.#end = at + frameBytes;
    this.generation = generation;
    this.next += 1;
  }

  #corrupt(what: string): ShardmillError {
    return corrupt(objectLocation(this.#journal, this.next), what, 0);
  }
}
