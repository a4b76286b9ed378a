import type { SegmentFile } from "../../coordinator/journal/journal-writer.ts";
import { NEVER, sleepBy } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { Location } from "../../shared/domain/location.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { encodeObject, objectLocation, WRITER_END, writerOf } from "./journal-object.ts";

/**
 * Limit of retries: time for people to repair a network or renew credentials. Workers wait with their offered
 * results.
 */
const PATIENCE_MS = 600_000;
/** Delay between retries. The storage has already retried each put several times. */
const AGAIN_MS = 1_000;

interface BucketSegmentOptions {
  readonly journal: Location;
  readonly storage: Pick<Storage, "put" | "read">;
  readonly clock: TimedClock;
  readonly generation: number;
  /** Random id of this generation, 16 bytes in hex. */
  readonly writer: string;
  /** Number of the generation's first object. */
  readonly number: number;
  /** Called when another coordinator has put the next number or ended the job. */
  readonly onTaken: (error: ShardmillError) => void;
  /**
   * Called before a put is retried, because the job may be published and its journal removed by then. Rejects
   * with OUTPUT_LOCKED when this coordinator no longer holds the job.
   */
  readonly confirm: () => Promise<void>;
}

/**
 * Objects of one generation of a journal in a bucket. Each is put only if its number is free. Of two
 * coordinators that both consider the job theirs, one cannot continue, even after a suspension.
 *
 * Law `one-holder`: the next number is the fence.
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

  /** Number of the object that is put now or next. All objects before it exist. */
  get next(): number {
    return this.#next;
  }

  /**
   * Puts the first object. False: another coordinator has put this number.
   *
   * @throws the errors of the storage
   */
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
   * Puts records as the next object, and retries while the store is unreachable.
   *
   * @throws {OUTPUT_LOCKED} when the number is taken, or another coordinator holds the job
   * @throws {JOURNAL_FAILED} when the store is unreachable for ten minutes, or already while this process
   * ends
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

  /** Does nothing, because a completed put is durable. */
  async sync(): Promise<void> {}

  async close(): Promise<void> {}

  /** Stops retries, because the process ends. */
  hurry(): void {
    this.#ending.abort();
  }

  /**
   * Checks that no other coordinator has put the next object or ended the job. An ended job's journal is
   * removed. Its numbers are then free again, but its first object is gone, too. The last object proves
   * nothing, because it may have been put at a freed number.
   *
   * @throws {OUTPUT_LOCKED} when another coordinator has done either
   */
  async look(signal: AbortSignal): Promise<void> {
    const { journal, writer, number: first } = this.#options;
    const next = await this.#writerAt(this.#next, signal);
    if (next !== null && next !== writer) throw this.#taken();
    // This read follows the first one, because a journal is removed from its first object on.
    if (next === null && (await this.#writerAt(first, signal)) === null)
      throw this.#lost(
        `another coordinator has ended the job: ${objectLocation(journal, first)} is gone`,
        "run the job again to see how it ended",
      );
  }

  /** Reads an object's writer id. Null: no such object. */
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
      `another coordinator has taken over the job: it wrote ${this.#location()}, the next object of this journal`,
      "start workers with the other coordinator's address: the job continues there, with all committed shards",
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
    hint: "correct the network or the store's credentials, then run the job again on any machine: it resumes",
  });
}
