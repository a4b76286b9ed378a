import { crc32 } from "node:zlib";
import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import { encodeRecord } from "./framing.ts";

/** The file that a writer appends to. Injected, so that tests can lose, delay and fail writes. */
export interface SegmentFile {
  /** Appends all of `bytes`, or rejects. */
  append(bytes: Buffer): Promise<void>;
  /** Resolves when all earlier appends are on disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Limit of bytes that wait to be written. Durable appends wait for the disk, so only a stalled disk reaches
 * the limit. A larger limit would only delay the failure, and lose more. One record may always wait, whatever
 * its size.
 */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024;

/** Length of a segment, and its crc32. */
interface JournalEnd {
  readonly bytes: number;
  readonly crc32: number;
}

/** Records of one write. `durable`: a sync follows the write. */
interface RecordGroup {
  readonly frames: Buffer[];
  bytes: number;
  durable: boolean;
  readonly written: Deferred<void>;
}

export interface WriterOptions {
  /** Pause between two writes. Default: none. */
  readonly pause?: () => Promise<void>;
  /** Rejects when this process may no longer write, see `HeldLock`. Default: it always may. */
  readonly confirm?: () => Promise<void>;
  /**
   * Rejects when the bytes on disk may be outside the history, see `SegmentFence`. Called before a durable
   * append is acknowledged. Default: never rejects.
   */
  readonly fence?: () => Promise<void>;
}

/**
 * Appends records in the order of the calls. At most one write and one fdatasync run at a time, and records
 * that arrive meanwhile share the next write. A pause may follow each write. Without it, a fast disk would
 * get one write per record. That costs the thread that serves all workers more than the record itself.
 *
 * After a failed write or sync nothing is ever written again: what is on disk is unknown then.
 *
 * Law `one-holder`: only the lock's holder appends.
 *
 * Law `record-before-answer`: the lock says nothing about later moments. So the fence is checked once a
 * record is on disk. A successor has read only what was there when it began.
 */
export class JournalWriter implements AsyncDisposable {
  readonly #file: SegmentFile;
  readonly #pause: () => Promise<void>;
  readonly #confirm: () => Promise<void>;
  readonly #fence: () => Promise<void>;
  #next: RecordGroup | null = null;
  /** Bytes in the current write and in the next one. */
  #queuedBytes = 0;
  #end: JournalEnd;
  #failure: ShardmillError | null = null;
  #closed: Promise<void> | null = null;
  #draining: Promise<void> = Promise.resolve();
  #busy = false;

  /** @param begun bytes that the file already holds */
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
   * Resolves once the record is on disk (`durable`), or passed to the operating system. Records of one write
   * share a promise.
   *
   * @throws {JOURNAL_FAILED} when this record or an earlier one could not be written
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

  /** End of the file once all appended records are written. */
  get end(): JournalEnd {
    return this.#end;
  }

  /** Resolves once all appended records are on disk. @throws as `append` */
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

  /** Writes the queue, syncs and closes the file. May be called twice. */
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
    // Lets the caller append all records of an event before the first write.
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

  /** Stores the failure, so that every later append is refused. */
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
    hint: "free space or repair the disk, then run the job again: it resumes",
  });
}
