import { present } from "../../shared/core/assert.ts";
import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { settled } from "../../shared/core/settled.ts";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import { FormatReaders, openInputFile } from "../../shared/dataset/open-input-file.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import { gatheredSource } from "../../shared/storage/gathered-source.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { fetchedSource, isSmallFile } from "../../shared/storage/small-file.ts";
import { type ByteSource, byteSource } from "../../shared/storage/storage.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { KeptEnds } from "./kept-ends.ts";
import type { Way } from "./ways.ts";

/**
 * Open files kept for the next shard of the same file. One is read and one is about to be, two where files
 * are far away, which may be the same file several times; an open file costs its footer and a decoder's
 * memory.
 */
const MOST_OPEN = { near: 2, far: 3 };

/** A small file as it was planned, and the way on which it was read. */
export interface FetchedFile {
  readonly way: Way;
  readonly bytes: Uint8Array;
}

interface InputFilesOptions {
  /** The nearest first. Each file is read from the first that holds it as it was planned. */
  readonly ways: readonly [Way, ...Way[]];
  readonly meter: BusyMeter;
  /** A file comes on another way than the nearest. */
  readonly onFar?: (path: string) => void;
}

/**
 * A job's input files as a shard thread opens them: each checked to be the file that the plan was made from.
 * What is taken is the taker's alone until it is given back; a file that two read at once is opened twice.
 *
 * Law: whether this machine sees a file says nothing of the next one: they may lie on two mounts. So it is
 * asked file by file.
 */
export class InputFiles implements AsyncDisposable {
  readonly #options: InputFilesOptions;
  /** Taken by nobody. The file used last is the last. */
  readonly #idle: DatasetFile[] = [];
  readonly #taken = new Set<DatasetFile>();
  readonly #readFrom = new WeakMap<DatasetFile, Way>();
  readonly #readers = new FormatReaders();
  #mostOpen = MOST_OPEN.near;
  /** One for each way: the end of a file does not tell whether another way leads to the rest of it. */
  readonly #ends: ReadonlyMap<Way, KeptEnds>;

  constructor(options: InputFilesOptions) {
    this.#options = options;
    this.#ends = new Map(options.ways.map((way) => [way, new KeptEnds(MOST_OPEN.far)]));
  }

  /**
   * A small file's bytes, ahead of its being taken: many files may be fetched at once, and opening one costs
   * a decoder. Null for a larger one, and where no way leads to what was planned: whoever takes it learns
   * why. Never rejects.
   */
  async fetch(planned: InputFile, signal: AbortSignal): Promise<FetchedFile | null> {
    if (!isSmallFile(planned)) return null;
    for (const way of this.#options.ways) {
      try {
        return { way, bytes: await this.#readWhole(way, planned, signal) };
      } catch (error) {
        if (!mayBeElsewhere(error)) return null;
      }
    }
    return null;
  }

  /**
   * To be given back, or dropped.
   *
   * @param fetched what `fetch` gave for it
   * @throws {INPUT_CHANGED} when it is gone, or size, version or footer are not the plan's
   * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} {STORE_FAILED}
   */
  async take(planned: InputFile, fetched: FetchedFile | null, signal: AbortSignal): Promise<DatasetFile> {
    const file = (await this.#reopen(planned, signal)) ?? (await this.#openNearest(planned, fetched, signal));
    this.#taken.add(file);
    this.#closeSurplus();
    return file;
  }

  /** To be read again by the next shard that asks. */
  giveBack(file: DatasetFile): void {
    if (!this.#taken.delete(file)) return;
    this.#idle.push(file);
    this.#closeSurplus();
  }

  /** Closes a taken file: after a read that failed it cannot be read again. */
  drop(file: DatasetFile): void {
    if (this.#taken.delete(file)) file[Symbol.dispose]();
  }

  /** On which way a file that was taken is read. */
  wayOf(file: DatasetFile): Way {
    return present(this.#readFrom.get(file), "a file that was opened here");
  }

  /**
   * Makes sure that a file is still as it was planned, there where it was read, as far as can be seen without
   * reading it: asked before and after its rows are read, this bounds when they were written. No decoder
   * would notice: pages have no checksums that are looked at, and a page may change while the footer stays
   * the same. Where each read looks at the version that was planned, it has been made sure of, and to ask
   * would be a round trip.
   *
   * @throws {INPUT_CHANGED}
   */
  async confirm(planned: InputFile, way: Way, signal: AbortSignal): Promise<void> {
    if (await way.checksVersion(planned.path)) return;
    const stat = await this.#options.meter
      .timeRead(() => way.stat(planned.path, signal))
      .catch((cause: unknown) => {
        if (!isShardmillError(cause, "STORE_NOT_FOUND")) throw cause;
        throw removed(planned);
      });
    if (stat.bytes !== planned.bytes) throw inputChanged(planned, "bytes", planned.bytes, stat.bytes);
    if (stat.version !== planned.version)
      throw inputChanged(planned, "version", planned.version, stat.version);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of [...this.#idle.splice(0), ...this.#taken]) file[Symbol.dispose]();
    this.#taken.clear();
    await this.#readers[Symbol.asyncDispose]();
  }

  #closeSurplus(): void {
    while (this.#idle.length > 0 && this.#idle.length + this.#taken.size > this.#mostOpen)
      this.#idle.shift()?.[Symbol.dispose]();
  }

  /** The file as it was left open; null when it was not, or is another one there by now. */
  async #reopen(planned: InputFile, signal: AbortSignal): Promise<DatasetFile | null> {
    // One that is open has the index of another lease; and to open it costs nothing.
    if (planned.text !== undefined) return null;
    const kept = this.#idle.findIndex(({ path }) => path === planned.path);
    const [idle] = kept < 0 ? [] : this.#idle.splice(kept, 1);
    if (idle === undefined) return null;
    try {
      await this.confirm(planned, this.wayOf(idle), signal);
      return idle;
    } catch {
      idle[Symbol.dispose]();
      return null;
    }
  }

  /** @throws what the last way says, which is the coordinator's own view where that can be asked */
  async #openNearest(
    planned: InputFile,
    fetched: FetchedFile | null,
    signal: AbortSignal,
  ): Promise<DatasetFile> {
    const { ways, onFar } = this.#options;
    // The nearer ones have been asked already.
    const left = fetched === null ? ways : ways.slice(ways.indexOf(fetched.way));
    let failure: unknown;
    for (const way of left) {
      signal.throwIfAborted();
      try {
        const file = isSmallFile(planned)
          ? await this.#openSmall(way, planned, way === fetched?.way ? fetched.bytes : null, signal)
          : await this.#openLarge(way, planned, signal);
        this.#readFrom.set(file, way);
        if (way !== ways[0]) onFar?.(planned.path);
        return file;
      } catch (error) {
        if (!mayBeElsewhere(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #openSmall(
    way: Way,
    planned: InputFile,
    fetched: Uint8Array | null,
    signal: AbortSignal,
  ): Promise<DatasetFile> {
    const bytes = fetched ?? (await this.#readWhole(way, planned, signal));
    return await this.#openChecked(planned, fetchedSource(planned.path, bytes), signal);
  }

  async #openLarge(way: Way, planned: InputFile, signal: AbortSignal): Promise<DatasetFile> {
    const { meter } = this.#options;
    await this.confirm(planned, way, signal);
    const plain = byteSource(way, planned.path, planned.bytes, planned.version);
    const isFar = !isOnThisMachine(planned.path);
    if (isFar) this.#mostOpen = MOST_OPEN.far;
    const ends = present(this.#ends.get(way), "ends are kept for each way");
    const source = isFar ? ends.keptBy(gatheredSource(plain)) : plain;
    const timed: ByteSource = {
      ...source,
      read: (start, end, readSignal) =>
        asPlanned(planned, () => meter.timeRead(() => source.read(start, end, readSignal))),
    };
    const opened = await settled(this.#openChecked(planned, timed, signal));
    if (opened.kind === "done") return opened.value;
    // A file that is being written looks corrupt.
    if (isShardmillError(opened.error, "INPUT_CORRUPT")) await this.confirm(planned, way, signal);
    throw opened.error;
  }

  async #openChecked(planned: InputFile, source: ByteSource, signal: AbortSignal): Promise<DatasetFile> {
    const file = await openInputFile(source, planned, { readers: this.#readers, signal });
    if (file.footerSha256 === planned.footerSha256 && file.rows === planned.rows) return file;
    const found = file.footerSha256;
    file[Symbol.dispose]();
    throw inputChanged(planned, "footer", planned.footerSha256, found);
  }

  /** Its bytes, which it had from before they were read until after. */
  async #readWhole(way: Way, planned: InputFile, signal: AbortSignal): Promise<Uint8Array> {
    const { path, bytes, version } = planned;
    const { meter } = this.#options;
    const read = await settled(
      asPlanned(planned, () => meter.timeRead(() => way.read(path, 0, bytes, { version, signal }))),
    );
    await this.confirm(planned, way, signal);
    if (read.kind === "failed") throw read.error;
    return read.value;
  }
}

/** What a place says of its file, by the version that is read, said of the plan's. */
async function asPlanned<T>(planned: InputFile, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isShardmillError(error, "STORE_NOT_FOUND")) throw removed(planned);
    if (!isShardmillError(error, "STORE_CHANGED")) throw error;
    const { found } = error.fields;
    throw inputChanged(planned, "version", planned.version, typeof found === "string" ? found : "another");
  }
}

/** What is said on a way that does not lead to the file, or cannot give it: another may. */
function mayBeElsewhere(error: unknown): boolean {
  return isShardmillError(error) && ERROR_CODES[error.code].storage === "elsewhere";
}

function removed(planned: InputFile): ShardmillError {
  return inputChanged(planned, "bytes", planned.bytes, "nothing: it was removed");
}

function inputChanged(
  { path }: InputFile,
  what: string,
  expected: string | number,
  found: string | number,
): ShardmillError {
  return new ShardmillError("INPUT_CHANGED", `${path} changed since the job was planned`, {
    fields: { path, what, expected, found },
    hint: "run the job again with --fresh to take the file as it is now",
  });
}
