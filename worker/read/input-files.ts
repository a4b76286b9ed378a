import { present } from "../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { settled } from "../../shared/core/settled.ts";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import { FormatReaders, openInputFile } from "../../shared/dataset/open-input-file.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import { removalOf } from "../../shared/domain/formats.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import { gatheredSource } from "../../shared/storage/gathered-source.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { fetchedSource, fitsOneRead, isSmallFile } from "../../shared/storage/small-file.ts";
import { type ByteSource, byteSource } from "../../shared/storage/storage.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { FileEnds } from "./file-ends.ts";
import { isList, listedReader, mayBeElsewhere, PRESENCE } from "./listed-files.ts";
import type { Way } from "./ways.ts";

/**
 * Limits of open files kept for the next shard of the same file. One file is read, and the next one prepared.
 * For distant files, two are prepared, maybe the same file again. An open file costs its footer and a
 * decoder's memory.
 */
const MOST_OPEN = { near: 2, far: 3 };

/** Content of a small file, and the way it was read. */
export interface FetchedFile {
  readonly way: Way;
  readonly bytes: Uint8Array;
}

/** File with the facts that identify it. */
type PlannedFile = Pick<InputFile, "path" | "bytes" | "version"> & Partial<Pick<InputFile, "format">>;

interface InputFilesOptions {
  /** Ways, nearest first. Each file is read on the first way with the planned file. */
  readonly ways: readonly [Way, ...Way[]];
  readonly meter: BusyMeter;
  /** Called when a file is read on another way than the nearest. */
  readonly onFar?: (path: string) => void;
}

/**
 * Input files of a job, opened by a shard thread. Each file is checked against the plan. A taken file has one
 * user until it is returned. For two concurrent readers, the file is opened twice.
 *
 * Law: the way is chosen for each file, because files may be on different mounts.
 */
export class InputFiles implements AsyncDisposable {
  readonly #options: InputFilesOptions;
  /** Files without a user, the most recently used one last. */
  readonly #idle: DatasetFile[] = [];
  readonly #taken = new Set<DatasetFile>();
  readonly #readFrom = new WeakMap<DatasetFile, Way>();
  readonly #readers = new FormatReaders();
  #mostOpen = MOST_OPEN.near;
  /** Caches by way: the end of a file on one way does not prove that another has the rest. */
  readonly #ends: ReadonlyMap<Way, FileEnds>;

  constructor(options: InputFilesOptions) {
    this.#options = options;
    this.#ends = new Map(options.ways.map((way) => [way, new FileEnds(MOST_OPEN.far)]));
  }

  /**
   * Fetches a small file before it is taken, in one read. Many files may be fetched concurrently, while
   * opening one needs a decoder. Null: the file is larger, or no way leads to the planned file. `take`
   * reports the reason. Never rejects.
   */
  async fetch(slice: LeaseSlice, signal: AbortSignal): Promise<FetchedFile | null> {
    const { file: planned } = slice;
    if (isList(planned)) return null;
    if (!isSmallFile(planned) && !isReadAtOnce(slice)) return null;
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
   * Opens a file for one user, who must return or drop it.
   *
   * @param fetched result of `fetch` for this file
   * @throws {INPUT_CHANGED} when the file is missing, or its size, version or footer differ from the plan
   * @throws {INPUT_CORRUPT} when the file is damaged
   * @throws {INPUT_UNSUPPORTED} when the file has an unsupported feature
   * @throws {STORE_FAILED} when a request to the store fails
   */
  async take(planned: InputFile, fetched: FetchedFile | null, signal: AbortSignal): Promise<DatasetFile> {
    const file = isList(planned)
      ? await this.#openList(planned, signal)
      : ((await this.#reopen(planned, signal)) ?? (await this.#openNearest(planned, fetched, signal)));
    this.#taken.add(file);
    this.#closeSurplus();
    return file;
  }

  /** Returns a file, which the next shard may use. */
  release(file: DatasetFile): void {
    if (!this.#taken.delete(file)) return;
    this.#idle.push(file);
    this.#closeSurplus();
  }

  /** Closes a taken file. After a failed read, a file cannot be read again. */
  drop(file: DatasetFile): void {
    if (this.#taken.delete(file)) file[Symbol.dispose]();
  }

  /** Returns the way on which a taken file is read. */
  wayOf(file: DatasetFile): Way {
    return present(this.#readFrom.get(file), "a file that was opened here");
  }

  /**
   * Checks that a file is still as planned, on the way it was read, without reading it again. Checks before
   * and after the read bound the time of a change. Decoders would not notice one: page checksums are not
   * verified, and the footer may stay the same. If each read verifies the version, this check is skipped,
   * because it would cost a round trip. The files of a list are checked one by one, when they are fetched.
   *
   * @throws {INPUT_CHANGED} when the file differs from the plan
   */
  async confirm(planned: PlannedFile, way: Way, signal: AbortSignal): Promise<void> {
    if (isList(planned) || (await way.checksVersion(planned.path))) return;
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

  /** Returns the file if it is still open and unchanged. Null: it must be opened. */
  async #reopen(planned: InputFile, signal: AbortSignal): Promise<DatasetFile | null> {
    // An open text file has the index of another lease, and opening it again is cheap.
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

  /** Opens a list of files that are rows. It reads each file on the first way with the planned one. */
  async #openList(list: InputFile, signal: AbortSignal): Promise<DatasetFile> {
    const { ways, onFar } = this.#options;
    const open = {
      readers: this.#readers,
      fetch: listedReader(ways, this.#readWhole.bind(this), onFar),
      signal,
    };
    const file = await openInputFile(byteSource(ways[0], list.path, 0, list.version), list, open);
    this.#readFrom.set(file, ways[0]);
    return file;
  }

  /** @throws the error of the last way, which is the coordinator's own view if it can be reached */
  async #openNearest(
    planned: InputFile,
    fetched: FetchedFile | null,
    signal: AbortSignal,
  ): Promise<DatasetFile> {
    const { ways, onFar } = this.#options;
    // Nearer ways were already tried for the fetched file.
    const left = fetched === null ? ways : ways.slice(ways.indexOf(fetched.way));
    let failure: unknown;
    for (const way of left) {
      signal.throwIfAborted();
      try {
        const bytes = way === fetched?.way ? fetched.bytes : null;
        const file =
          bytes !== null || isSmallFile(planned)
            ? await this.#openSmall(way, planned, bytes, signal)
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
    const source = isFar ? ends.cached(gatheredSource(plain)) : plain;
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
    const file = await openInputFile(source, planned, {
      readers: this.#readers,
      fetch: NO_LIST,
      signal,
    });
    if (file.footerSha256 === planned.footerSha256 && file.rows === planned.rows) return file;
    const found = file.footerSha256;
    file[Symbol.dispose]();
    throw inputChanged(planned, "footer", planned.footerSha256, found);
  }

  /** Reads a whole file, and checks that it did not change during the read. */
  async #readWhole(way: Way, planned: PlannedFile, signal: AbortSignal): Promise<Uint8Array> {
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

/** Checks for a distant file whose rows are all read. Another shard of it would fetch it again. */
function isReadAtOnce({ file, rowStart, rowEnd }: LeaseSlice): boolean {
  return !isOnThisMachine(file.path) && fitsOneRead(file) && rowStart === 0 && rowEnd === file.rows;
}

/** Converts a store's errors about the read version to errors about the planned file. */
async function asPlanned<T>(planned: PlannedFile, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isShardmillError(error, "STORE_NOT_FOUND")) throw removed(planned);
    if (!isShardmillError(error, "STORE_CHANGED")) throw error;
    const { found } = error.fields;
    throw inputChanged(planned, "version", planned.version, typeof found === "string" ? found : "another");
  }
}

/** Reader for files that are no lists. */
const NO_LIST = () => Promise.reject(new Error("broken invariant: this file lists no files"));

function removed(planned: PlannedFile): ShardmillError {
  return inputChanged(planned, PRESENCE, planned.bytes, `nothing: ${removalOf(planned)}`);
}

function inputChanged(
  { path }: PlannedFile,
  what: string,
  expected: string | number,
  found: string | number,
): ShardmillError {
  return new ShardmillError("INPUT_CHANGED", `${path} changed since the job was planned`, {
    fields: { path, what, expected, found },
    hint: "run the job again with --fresh to read the changed file",
  });
}
