import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import type { Location } from "../../../shared/domain/location.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import { partialFileLocation } from "../../commit/check-file.ts";
import { FolderCounter, type FolderCounterOptions } from "./folder-counter.ts";

/** Partials of an earlier coordinator that are counted at once, while new partials arrive. */
const EARLIER_AT_ONCE = 8;

interface FolderWatchOptions extends FolderCounterOptions {
  readonly partials: Location;
  /** Returns the partials that were committed before. They are counted when the first new partial arrives. */
  readonly earlier: () => readonly PartialManifest[];
  readonly signal: AbortSignal;
}

/**
 * Counts the folders of the committed rows, partial by partial: see `FolderCounter`. No commit waits for the
 * count of earlier partials. If those have too many folders, a later commit is refused.
 */
export class FolderWatch implements AsyncDisposable {
  readonly #options: FolderWatchOptions;
  readonly #counter: FolderCounter;
  #hasBegun = false;
  #refusal: unknown = null;

  constructor(options: FolderWatchOptions) {
    this.#options = options;
    const { partitionBy, format, stores } = options;
    this.#counter = new FolderCounter({ partitionBy, format, stores });
  }

  /**
   * Counts a partial's folders. Call it before the partial is committed.
   *
   * @throws {OUTPUT_FAILED} when the counted rows make too many folders, or a value has no valid folder name
   */
  async see(partial: PartialManifest): Promise<void> {
    if (!this.#hasBegun) void this.#countEarlier();
    this.#hasBegun = true;
    await this.#count(partial);
    if (this.#refusal !== null) throw this.#refusal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#counter[Symbol.asyncDispose]();
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
    const { partials, signal } = this.#options;
    const file = partial.files.find(({ kind }) => kind === "rows");
    if (file === undefined || file.rows === 0) return;
    const { rows, bytes } = file;
    await this.#counter.add({ location: partialFileLocation(partials, partial, file), rows, bytes }, signal);
  }
}
