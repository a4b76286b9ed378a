import type { SegmentFile } from "../../coordinator/journal/journal-writer.ts";
import { NEVER, sleepBy } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { Location } from "../../shared/domain/location.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { encodeObject, objectLocation, WRITER_END, writerOf } from "./journal-object.ts";

/** As long as people take to mend a line or renew credentials; workers wait with what they offered. */
const PATIENCE_MS = 600_000;
/** Each put has been tried several times by itself. */
const AGAIN_MS = 1_000;

interface BucketSegmentOptions {
  readonly journal: Location;
  readonly storage: Pick<Storage, "put" | "read">;
  readonly clock: TimedClock;
  readonly generation: number;
  /** In hex, 16 bytes: of this generation alone. */
  readonly writer: string;
  /** Its first object's. */
  readonly number: number;
  /** What follows when another has put an object of the number that is next here, or has ended the job. */
  readonly onTaken: (error: ShardmillError) => void;
  /**
   * Asked before a put is tried again: while it was waited for, the job may have been published, and its
   * journal removed. Rejects with OUTPUT_LOCKED when this one does not hold the job any more.
   */
  readonly confirm: () => Promise<void>;
}

/**
 * The objects of one generation of a journal in a bucket. Each is put only if there is none of its number: so
 * of two coordinators that both take themselves for the job's, one cannot go on, whatever it has slept
 * through. Law `one-holder`: the next number is the fence.
 */
export class BucketSegment implements SegmentFile {
  readonly #options: BucketSegmentOptions;
  readonly #ending = new AbortController();
  #next: number;
  #bytes = 0;

  constructor(options: BucketSegmentOptions) {
    this.#options = options;
    this.#next = options.number;
  }

  /** The number of the object that is being put, or is put next: all before it are there. */
  get next(): number {
    return this.#next;
  }

  /** Puts the first object; false when another has put one of its number. @throws what the storage does */
  async claim(frames: Uint8Array): Promise<boolean> {
    try {
      await this.#put(frames);
      return true;
    } catch (error) {
      if (isShardmillError(error, "STORE_EXISTS")) return false;
      throw error;
    }
  }

  /**
   * Puts records as the next object, again and again while the store cannot be asked.
   *
   * @throws {OUTPUT_LOCKED} when the number is taken, or the job is another's
   * @throws {JOURNAL_FAILED} when the store cannot be asked for ten minutes, or no longer than a moment once
   * this one ends
   */
  async append(frames: Uint8Array): Promise<void> {
    const { clock } = this.#options;
    const startMs = clock.nowMs();
    for (;;) {
      try {
        return await this.#put(frames);
      } catch (error) {
        if (isShardmillError(error, "STORE_EXISTS")) throw this.#taken();
        const isOver = clock.nowMs() - startMs >= PATIENCE_MS || this.#ending.signal.aborted;
        if (!isPlaceError(error) || isOver) throw cannotPut(this.#location(), error);
        await sleepBy(clock, AGAIN_MS, this.#ending.signal).catch(() => {});
        await this.#options.confirm();
      }
    }
  }

  /** What is put is there, and stays. */
  async sync(): Promise<void> {}

  async close(): Promise<void> {}

  /** What cannot be put now is given up. */
  hurry(): void {
    this.#ending.abort();
  }

  /**
   * Looks whether another has put the next object, or has ended the job: then the journal goes, and the
   * number is free again, but the first that was put here is gone, too. Not the last: that may have been put
   * into a number that was free.
   *
   * @throws {OUTPUT_LOCKED} if so
   */
  async look(signal: AbortSignal): Promise<void> {
    const { journal, writer, number: first } = this.#options;
    const next = await this.#writerAt(this.#next, signal);
    if (next !== null && next !== writer) throw this.#taken();
    // Behind that look: a journal is removed from its first object on.
    if (next === null && (await this.#writerAt(first, signal)) === null)
      throw this.#lost(
        `another coordinator has ended the job: ${objectLocation(journal, first)} is gone`,
        "run it again to see what became of it",
      );
  }

  /** Null where there is no such object. */
  async #writerAt(number: number, signal: AbortSignal): Promise<string | null> {
    const { journal, storage } = this.#options;
    try {
      return writerOf(await storage.read(objectLocation(journal, number), 0, WRITER_END, { signal }));
    } catch (error) {
      if (isShardmillError(error, "STORE_NOT_FOUND")) return null;
      throw error;
    }
  }

  async #put(frames: Uint8Array): Promise<void> {
    const { storage, generation, writer } = this.#options;
    const object = encodeObject({ generation, writer, at: this.#bytes }, frames);
    await storage.put(this.#location(), sourceOfBytes(object), { ifAbsent: true, signal: NEVER });
    this.#next += 1;
    this.#bytes += frames.length;
  }

  #location(): Location {
    return objectLocation(this.#options.journal, this.#next);
  }

  #taken(): ShardmillError {
    return this.#lost(
      `another coordinator has taken the job over: it has written ${this.#location()}, which was to be written here next`,
      "the job goes on in the other one, with all that was committed; start workers with its address",
    );
  }

  #lost(message: string, hint: string): ShardmillError {
    const fields = { path: this.#location(), generation: this.#options.generation };
    const error = new ShardmillError("OUTPUT_LOCKED", message, { fields, hint });
    this.#options.onTaken(error);
    return error;
  }
}

function cannotPut(path: Location, cause: unknown): ShardmillError {
  return new ShardmillError("JOURNAL_FAILED", `the journal could not be written: ${messageOf(cause)}`, {
    fields: { path },
    cause,
    hint: "mend the line to the store or its credentials, then run the job again, here or on another machine: it resumes",
  });
}
