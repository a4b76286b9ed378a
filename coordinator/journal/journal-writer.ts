import { crc32 } from "node:zlib";
import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import { encodeRecord } from "./framing.ts";

/** The file that a writer appends to. Injected, so that tests can lose, delay and fail writes. */
export interface SegmentFile {
  /** Appends all of `bytes`, or rejects. */
  append(bytes: Buffer): Promise<void>;
  /** Resolves when everything appended before is on disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Bytes that may wait to be written. Whoever appends durably waits for the disk, so only a disk that has
 * stopped fills this; larger would only put off the day, and lose more on it. One record may always wait,
 * however large.
 */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024;

/** How much a segment holds, and the crc32 of it. */
interface JournalEnd {
  readonly bytes: number;
  readonly crc32: number;
}

/** Records that are written together, and whether they must then be synced. */
interface RecordGroup {
  readonly frames: Buffer[];
  bytes: number;
  durable: boolean;
  readonly written: Deferred<void>;
}

export interface WriterOptions {
  /** Between two writes. Left out: none. */
  readonly pause?: () => Promise<void>;
  /**
   * Rejects when this process is no longer the one that may write: see `HeldLock`. Left out: it always is.
   */
  readonly confirm?: () => Promise<void>;
  /**
   * Rejects when what is on disk now may be in no history: see `SegmentFence`. Asked before anything is
   * acknowledged as durable. Left out: it always is.
   */
  readonly fence?: () => Promise<void>;
}

/**
 * Appends records in the order of the calls. One write and at most one fdatasync are in flight; what is
 * appended meanwhile goes together into the next. After each there may be a pause: a disk that syncs in no
 * time would else be asked for every record alone, which costs the one thread that serves all workers more
 * than the record itself.
 *
 * Law: once a write or a sync has failed, nothing is ever written again: after a failed fsync nobody knows
 * what is on disk. Law `one-holder`: only who holds the lock appends. Law `record-before-answer`: the lock
 * proves nothing of later, so the fence is asked once a record is on disk: a successor has read only what was
 * there when it began.
 */
export class JournalWriter implements AsyncDisposable {
  readonly #file: SegmentFile;
  readonly #pause: () => Promise<void>;
  readonly #confirm: () => Promise<void>;
  readonly #fence: () => Promise<void>;
  #next: RecordGroup | null = null;
  /** Of those that are being written, and of the next. */
  #queuedBytes = 0;
  #end: JournalEnd;
  #failure: ShardmillError | null = null;
  #closed: Promise<void> | null = null;
  #draining: Promise<void> = Promise.resolve();
  #busy = false;

  /** @param begun what the file holds already */
  constructor(
    file: SegmentFile,
    { pause = async () => {}, confirm = async () => {}, fence = async () => {} }: WriterOptions = {},
    begun: Uint8Array = new Uint8Array(),
  ) {
    this.#file = file;
    this.#end = { bytes: begun.length, crc32: crc32(begun) };
    this.#pause = pause;
    this.#confirm = confirm;
    this.#fence = fence;
  }

  /**
   * Resolves once the record is on disk (`durable`), or handed to the operating system. Records that go
   * together share a promise.
   *
   * @throws {JOURNAL_FAILED} when it could not be written, or an earlier one could not
   * @throws {OUTPUT_LOCKED} when another process may write by now
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
    this.#end = { bytes: this.#end.bytes + frame.length, crc32: crc32(frame, this.#end.crc32) };
    return this.#queue(frame, durable);
  }

  /** Where the file ends once all is written that was appended so far. */
  get end(): JournalEnd {
    return this.#end;
  }

  /** Resolves once everything that was appended so far is on disk. @throws as `append` */
  sync(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#closed !== null) return Promise.reject(journalFailed("the journal is closed", null));
    return this.#queue(Buffer.alloc(0), true);
  }

  #queue(frame: Buffer, durable: boolean): Promise<void> {
    this.#next ??= { frames: [], bytes: 0, durable: false, written: deferred<void>() };
    const group = this.#next;
    group.frames.push(frame);
    group.bytes += frame.length;
    group.durable ||= durable;
    this.#queuedBytes += frame.length;
    if (!this.#busy) this.#draining = this.#drain();
    return group.written.promise;
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
    while (this.#next !== null && this.#failure === null) {
      const group = this.#next;
      this.#next = null;
      try {
        await this.#confirm();
        await this.#file.append(Buffer.concat(group.frames, group.bytes));
        if (group.durable) await this.#file.sync();
        await this.#confirm();
        if (group.durable) await this.#fence();
      } catch (cause) {
        const isSaid = isShardmillError(cause, "OUTPUT_LOCKED") || isShardmillError(cause, "JOURNAL_FAILED");
        group.written.reject(
          this.#fail(isSaid ? cause : journalFailed("the journal could not be written", cause)),
        );
        break;
      }
      this.#queuedBytes -= group.bytes;
      group.written.resolve();
      if (this.#closed === null) await this.#pause();
    }
    this.#busy = false;
  }

  /** From here on every append is refused. */
  #fail(failure: ShardmillError): ShardmillError {
    this.#failure ??= failure;
    this.#next?.written.reject(this.#failure);
    this.#next = null;
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
