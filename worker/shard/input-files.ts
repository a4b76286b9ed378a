import { present } from "../../shared/core/assert.ts";
import { type ErrorCode, isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import { byteSource, type Store } from "../../shared/store/store.ts";
import type { BusyMeter } from "./busy-meter.ts";

/**
 * Open files kept for the next shard of the same file. One is read and one is about to be, which may be the same file
 * twice; an open file costs its footer and a decoder's memory.
 */
const MAX_OPEN_FILES = 2;

export interface InputFilesOptions {
  /** The nearest first. Each file is read from the first that holds it as it was planned. */
  readonly stores: readonly [Store, ...Store[]];
  readonly meter: BusyMeter;
  /** A file comes from another store than the nearest. */
  readonly onFar?: (path: string) => void;
}

/**
 * A job's input files as a shard thread opens them: each checked to be the file that the plan was made from. What is taken
 * is the taker's alone until it is given back; a file that two read at once is opened twice.
 *
 * Law: whether this machine sees a file says nothing of the next one: they may lie on two mounts. So it is asked file by file.
 */
export class InputFiles implements Disposable {
  readonly #options: InputFilesOptions;
  /** Taken by nobody. The file used last is the last. */
  readonly #idle: DatasetFile[] = [];
  readonly #taken = new Set<DatasetFile>();
  readonly #readFrom = new WeakMap<DatasetFile, Store>();

  constructor(options: InputFilesOptions) {
    this.#options = options;
  }

  /**
   * To be given back, or dropped.
   *
   * @throws {INPUT_CHANGED} when it is gone, or size, time of change or footer are not the plan's
   * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} {STORE_FAILED}
   */
  async take(planned: InputFile, signal: AbortSignal): Promise<DatasetFile> {
    const file = (await this.#reopen(planned, signal)) ?? (await this.#openNearest(planned, signal));
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

  /** Where a file that was taken is read from. */
  storeOf(file: DatasetFile): Store {
    return present(this.#readFrom.get(file), "a file that was opened here");
  }

  /**
   * Makes sure that a file is still as it was planned, there where it was read, as far as can be seen without reading it: asked
   * before and after its rows are read, this bounds when they were written. No decoder would notice: pages have no checksums
   * that are looked at, and a page may change while the footer stays the same.
   *
   * @throws {INPUT_CHANGED}
   */
  async confirm(planned: InputFile, store: Store, signal: AbortSignal): Promise<void> {
    const stat = await this.#options.meter
      .timeRead(() => store.stat(planned.path, signal))
      .catch((cause: unknown) => {
        if (!isShardmillError(cause, "STORE_NOT_FOUND")) throw cause;
        throw inputChanged(planned, "bytes", planned.bytes, "nothing: it was removed");
      });
    if (stat.bytes !== planned.bytes) throw inputChanged(planned, "bytes", planned.bytes, stat.bytes);
    if (stat.mtimeMs !== planned.mtimeMs) {
      const [before, now] = [planned.mtimeMs, stat.mtimeMs].map((ms) => new Date(ms).toISOString());
      throw inputChanged(planned, "time of change", before ?? "", now ?? "");
    }
  }

  [Symbol.dispose](): void {
    for (const file of [...this.#idle.splice(0), ...this.#taken]) file[Symbol.dispose]();
    this.#taken.clear();
  }

  #closeSurplus(): void {
    while (this.#idle.length > 0 && this.#idle.length + this.#taken.size > MAX_OPEN_FILES)
      this.#idle.shift()?.[Symbol.dispose]();
  }

  /** The file as it was left open; null when it was not, or is another one there by now. */
  async #reopen(planned: InputFile, signal: AbortSignal): Promise<DatasetFile | null> {
    const kept = this.#idle.findIndex(({ path }) => path === planned.path);
    const [idle] = kept < 0 ? [] : this.#idle.splice(kept, 1);
    if (idle === undefined) return null;
    try {
      await this.confirm(planned, this.storeOf(idle), signal);
      return idle;
    } catch {
      idle[Symbol.dispose]();
      return null;
    }
  }

  /** @throws what the last store says, which is the coordinator's own view where that can be asked */
  async #openNearest(planned: InputFile, signal: AbortSignal): Promise<DatasetFile> {
    const [nearest, ...others] = this.#options.stores;
    let failure: unknown;
    for (const store of [nearest, ...others]) {
      signal.throwIfAborted();
      try {
        const file = await this.#openChecked(store, planned, signal);
        this.#readFrom.set(file, store);
        if (store !== nearest) this.#options.onFar?.(planned.path);
        return file;
      } catch (error) {
        if (!isShardmillError(error) || !MAY_BE_ELSEWHERE.has(error.code)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #openChecked(store: Store, planned: InputFile, signal: AbortSignal): Promise<DatasetFile> {
    const { meter } = this.#options;
    await this.confirm(planned, store, signal);
    const bytes = byteSource(store, planned.path, planned.bytes);
    const timed = {
      ...bytes,
      read: (start: number, end: number, readSignal?: AbortSignal) =>
        meter.timeRead(() => bytes.read(start, end, readSignal)),
    };
    const file = await openDatasetFile(timed, planned.format, signal).catch(async (error: unknown) => {
      // A file that is being written looks corrupt.
      if (isShardmillError(error, "INPUT_CORRUPT")) await this.confirm(planned, store, signal);
      throw error;
    });
    if (file.footerSha256 === planned.footerSha256 && file.rows === planned.rows) return file;
    const found = file.footerSha256;
    file[Symbol.dispose]();
    throw inputChanged(planned, "footer", planned.footerSha256, found);
  }
}

/** What a store says that does not hold the file, or cannot give it: another one may. */
const MAY_BE_ELSEWHERE: ReadonlySet<ErrorCode> = new Set([
  "INPUT_CHANGED",
  "STORE_NOT_FOUND",
  "STORE_REFUSED",
  "STORE_FAILED",
]);

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
