import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
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
  readonly store: Store;
  readonly meter: BusyMeter;
}

/**
 * A job's input files as a shard thread opens them: each checked to be the file that the plan was made from. What is taken
 * is the taker's alone until it is given back; a file that two read at once is opened twice.
 */
export class InputFiles implements Disposable {
  readonly #options: InputFilesOptions;
  /** Taken by nobody. The file used last is the last. */
  readonly #idle: DatasetFile[] = [];
  readonly #taken = new Set<DatasetFile>();

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
    await this.confirm(planned, signal);
    const kept = this.#idle.findIndex(({ path }) => path === planned.path);
    const [idle] = kept < 0 ? [] : this.#idle.splice(kept, 1);
    const file = idle ?? (await this.#openChecked(planned, signal));
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

  /**
   * Makes sure that a file is as it was planned, as far as can be seen without reading it: asked before and after its rows
   * are read, this bounds when they were written. No decoder would notice: pages have no checksums that are looked at, and
   * a page may change while the footer stays the same.
   *
   * @throws {INPUT_CHANGED}
   */
  async confirm(planned: InputFile, signal: AbortSignal): Promise<void> {
    const { store, meter } = this.#options;
    const stat = await meter
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

  async #openChecked(planned: InputFile, signal: AbortSignal): Promise<DatasetFile> {
    const { store, meter } = this.#options;
    const bytes = byteSource(store, planned.path, planned.bytes);
    const timed = {
      ...bytes,
      read: (start: number, end: number, readSignal?: AbortSignal) =>
        meter.timeRead(() => bytes.read(start, end, readSignal)),
    };
    const file = await openDatasetFile(timed, planned.format, signal);
    if (file.footerSha256 === planned.footerSha256 && file.rows === planned.rows) return file;
    const found = file.footerSha256;
    file[Symbol.dispose]();
    throw inputChanged(planned, "footer", planned.footerSha256, found);
  }
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
