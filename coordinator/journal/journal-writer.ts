import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { encodeRecord } from "./framing.ts";
import type { JournalRecord } from "./record.ts";

/** The file that a writer appends to. Injected, so that tests can lose, delay and fail writes. */
export interface SegmentFile {
  /** Appends all of `bytes`, or rejects. */
  append(bytes: Buffer): Promise<void>;
  /** Resolves when everything appended before is on disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Bytes that may wait to be written. Whoever appends durably waits for the disk, so only a disk that has stopped fills
 * this; larger would only put off the day, and lose more on it. One record may always wait, however large.
 */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024;

interface Pending {
  readonly frame: Buffer;
  readonly durable: boolean;
  readonly written: Deferred<void>;
}

/**
 * Appends records in the order of the calls. One write and at most one fdatasync are in flight; what is appended meanwhile
 * goes together into the next.
 *
 * Law: once a write or a sync has failed, nothing is ever written again: after a failed fsync nobody knows what is on disk.
 */
export class JournalWriter implements AsyncDisposable {
  readonly #file: SegmentFile;
  #queue: Pending[] = [];
  #queuedBytes = 0;
  #failure: ShardmillError | null = null;
  #closed: Promise<void> | null = null;
  #draining: Promise<void> = Promise.resolve();
  #busy = false;

  constructor(file: SegmentFile) {
    this.#file = file;
  }

  /**
   * Resolves once the record is on disk (`durable`), or handed to the operating system.
   *
   * @throws {JOURNAL_FAILED} when it could not be written, or an earlier one could not
   */
  append(record: JournalRecord, { durable }: { readonly durable: boolean }): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#closed !== null) return Promise.reject(journalFailed("the journal is closed", null));
    let frame: Buffer;
    try {
      frame = encodeRecord(record);
    } catch (cause) {
      return Promise.reject(this.#fail(journalFailed(messageOf(cause), cause)));
    }
    if (this.#queuedBytes > 0 && this.#queuedBytes + frame.length > MAX_QUEUED_BYTES) {
      return Promise.reject(this.#fail(journalFailed(`the disk is ${this.#queuedBytes} bytes behind`, null)));
    }
    const written = deferred<void>();
    this.#queue.push({ frame, durable, written });
    this.#queuedBytes += frame.length;
    if (!this.#busy) this.#draining = this.#drain();
    return written.promise;
  }

  /** Writes what is queued, makes it durable and closes the file. Safe to call twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#draining;
    try {
      if (this.#failure === null) await this.#file.sync();
    } catch (cause) {
      throw this.#fail(journalFailed("the journal could not be synced", cause));
    } finally {
      await this.#file.close();
    }
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    // Let the caller append everything that belongs together before the first write.
    await Promise.resolve();
    while (this.#queue.length > 0 && this.#failure === null) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        await this.#file.append(Buffer.concat(batch.map(({ frame }) => frame)));
        if (batch.some(({ durable }) => durable)) await this.#file.sync();
      } catch (cause) {
        const failure = this.#fail(journalFailed("the journal could not be written", cause));
        for (const { written } of batch) written.reject(failure);
        break;
      }
      for (const { frame, written } of batch) {
        this.#queuedBytes -= frame.length;
        written.resolve();
      }
    }
    this.#busy = false;
  }

  /** From here on every append is refused. */
  #fail(failure: ShardmillError): ShardmillError {
    this.#failure ??= failure;
    for (const { written } of this.#queue.splice(0)) written.reject(this.#failure);
    return this.#failure;
  }
}

function journalFailed(what: string, cause: unknown): ShardmillError {
  const reason = cause === null ? "" : `: ${messageOf(cause)}`;
  return new ShardmillError("JOURNAL_FAILED", `${what}${reason}`, {
    cause,
    hint: "make room or mend the disk, then run the job again: it resumes",
  });
}
