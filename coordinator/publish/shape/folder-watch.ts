import { isShardmillError } from "../../../shared/core/errors.ts";
import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import type { Location } from "../../../shared/domain/location.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import { MOST_FOLDERS } from "../../../shared/domain/rows-form.ts";
import { parseFolderIndex, tooManyFolders } from "../../../shared/rows/folder-index.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { readText } from "../../../shared/storage/whole-file.ts";
import { partialFileLocation } from "../../commit/check-file.ts";

/** Partials of an earlier coordinator that are read at once, while new partials arrive. */
const EARLIER_AT_ONCE = 8;

interface FolderWatchOptions {
  readonly partitionBy: readonly string[];
  readonly partials: Location;
  readonly storage: Pick<Storage, "stat" | "read">;
  /** Returns the partials that were committed before. They are counted when the first new partial arrives. */
  readonly earlier: () => readonly PartialManifest[];
  readonly signal: AbortSignal;
}

/**
 * Counts the folders of the committed rows, which each partial lists. A job with too many folders fails at
 * the first shard that shows it, not at the end. No commit waits for the count of earlier partials. If those
 * have too many folders, a later commit is refused.
 *
 * Skips a partial whose list cannot be read. Shaping the rows reads every list again and reports that.
 */
export class FolderWatch {
  readonly #options: FolderWatchOptions;
  readonly #known = new Set<string>();
  #hasBegun = false;
  #refusal: unknown = null;

  constructor(options: FolderWatchOptions) {
    this.#options = options;
  }

  /**
   * Counts a partial's folders. Call it before the partial is committed.
   *
   * @throws {OUTPUT_FAILED} when there are too many folders
   * @throws the signal's reason once it aborts
   */
  async see(partial: PartialManifest): Promise<void> {
    if (!this.#hasBegun) void this.#countEarlier();
    this.#hasBegun = true;
    await this.#count(partial);
    if (this.#refusal !== null) throw this.#refusal;
  }

  async #countEarlier(): Promise<void> {
    const earlier = this.#options.earlier();
    await mapConcurrent(earlier, EARLIER_AT_ONCE, (partial) => this.#count(partial)).catch(
      (error: unknown) => {
        this.#refusal ??= error;
      },
    );
  }

  async #count(partial: PartialManifest): Promise<void> {
    const { partitionBy, partials, storage, signal } = this.#options;
    const file = partial.files.find(({ kind }) => kind === "folders");
    if (file === undefined) return;
    const location = partialFileLocation(partials, partial, file);
    try {
      const folders = parseFolderIndex(await readText(storage, location, signal), location);
      for (const { name } of folders) {
        if (this.#known.size >= MOST_FOLDERS && !this.#known.has(name)) throw tooManyFolders(partitionBy);
        this.#known.add(name);
      }
    } catch (error) {
      if (signal.aborted || isShardmillError(error, "OUTPUT_FAILED")) throw error;
    }
  }
}
