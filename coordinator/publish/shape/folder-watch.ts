import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import type { Location } from "../../../shared/domain/location.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import { partialFileLocation } from "../../commit/check-file.ts";
import { FolderCounter, type FolderCounterOptions } from "./folder-counter.ts";

/** Partials of an earlier coordinator that are counted at once, beside those that come. */
const EARLIER_AT_ONCE = 8;

interface FolderWatchOptions extends FolderCounterOptions {
  readonly partials: Location;
  /** Those that were committed before: they are counted beside the first one that comes. */
  readonly earlier: () => readonly PartialManifest[];
  readonly signal: AbortSignal;
}

/**
 * Watches over how many folders the committed rows make, partial by partial: see `FolderCounter`. No commit
 * waits for what an earlier coordinator committed; should that be too much, the next one is told.
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
   * To be called before a partial is committed.
   *
   * @throws {OUTPUT_FAILED} when the rows that were seen make too many folders, or one without a name
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
