import { corrupt } from "../../coordinator/journal/read-segment.ts";
import type { FoundSnapshot, JournalPlace } from "../../coordinator/journal/snapshot-file.ts";
import type { JournalRecord } from "../../coordinator/schedule/state/record.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError, type ShardmillError } from "../../shared/core/errors.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { decodeObject, type JournalObject, objectLocation } from "./journal-object.ts";

/** Objects that are read at once: few at first, for behind the newest snapshot there may be none. */
const AT_ONCE = { first: 4, most: 32 } as const;

/**
 * A journal in a bucket as it is read: the objects have the numbers from 1 on, without a gap, and are never
 * changed. So it need not be listed; and of one that grows meanwhile a beginning is read.
 */
export class ObjectsReader {
  readonly records: JournalRecord[] = [];
  /** Of the last object that was read; 0 before the first. */
  generation: number;
  /** The number of the first that was not read: it is not there yet. */
  next: number;
  /** Where the stream of the generation ends, as far as it was read; null before the first object. */
  #end: number | null = null;
  /** Up to here a snapshot tells all. */
  readonly #told: Pick<JournalPlace, "generation" | "bytes">;
  readonly #journal: Location;
  readonly #storage: Pick<Storage, "stat" | "read">;

  /** @param behind a snapshot: what it tells is not read again; null: all is read */
  constructor(journal: Location, storage: Pick<Storage, "stat" | "read">, behind: FoundSnapshot | null) {
    this.#journal = journal;
    this.#storage = storage;
    this.#told = behind?.head.place ?? { generation: 0, bytes: 0 };
    this.generation = this.#told.generation;
    // One that is before it must be there: so it is seen when the journal behind a snapshot is gone.
    this.next = behind === null ? 1 : behind.number - 1;
  }

  /** Reads all that is there by now. @throws {JOURNAL_CORRUPT} @throws {STORE_FAILED} and its like */
  async readOn(): Promise<void> {
    for (let width: number = AT_ONCE.first; ; width = Math.min(2 * width, AT_ONCE.most)) {
      const numbers = Array.from({ length: width }, (_, index) => this.next + index);
      const found = await Promise.all(numbers.map((number) => this.#object(number)));
      const missing = found.indexOf(null);
      for (const object of missing < 0 ? found : found.slice(0, missing))
        if (object !== null) this.#add(object);
      if (missing < 0) continue;
      if (found.slice(missing).every((object) => object === null)) break;
      // It was put while these were read, or it is lost.
      const late = await this.#object(this.next);
      if (late === null) throw this.#corrupt("it is missing, and one with a higher number is there");
      this.#add(late);
    }
    const { generation, bytes } = this.#told;
    const isTold = this.generation > generation || (this.#end ?? -1) >= bytes;
    if (generation > 0 && !isTold) throw this.#corrupt("it is missing, and a snapshot tells of it");
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
    const told = generation === this.#told.generation ? this.#told.bytes : 0;
    const follows = this.#end === null ? at <= told : at === this.#end;
    const begins = generation === this.generation + 1 && at === 0;
    if (generation === this.generation ? !follows : !begins)
      throw this.#corrupt(`it is of generation ${generation} from byte ${at} on, which does not follow`);
    const records = object.records(told);
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
