import { isShardmillError, ShardmillError } from "../../../shared/core/errors.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import { endText, Remote } from "../../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../../shared/core/remote/thread-link.ts";
import type { TableFormat } from "../../../shared/domain/dataset.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import type { Location } from "../../../shared/domain/location.ts";

/** Data that the thread starts with. */
export interface FolderCounterOptions {
  readonly partitionBy: readonly string[];
  readonly format: TableFormat;
  readonly stores: JobStores;
}

/** Rows file of a partial. */
export interface CountedFile {
  readonly location: Location;
  readonly bytes: number;
  readonly rows: number;
}

/** Methods of the thread that counts folders. */
export interface FolderCounterThread {
  add(file: CountedFile): Promise<void>;
}

/**
 * Counts the folders that the rows of partials make, partial by partial. A job with too many folders fails at
 * the first shard that shows it, not at the end. Counts in a separate thread, which starts with the first
 * file.
 *
 * Ignores other errors of a file, and the loss of the thread. Shaping the rows reads every file again and
 * reports them.
 */
export class FolderCounter implements AsyncDisposable {
  readonly #options: FolderCounterOptions;
  #thread: Remote<FolderCounterThread> | null = null;

  constructor(options: FolderCounterOptions) {
    this.#options = options;
  }

  /**
   * @throws {OUTPUT_FAILED} when there are too many folders, or a value has no valid folder name
   * @throws the signal's reason once it aborts
   */
  async add(file: CountedFile, signal: AbortSignal): Promise<void> {
    this.#thread ??= this.#start();
    try {
      await this.#thread.call("add", file, { signal });
    } catch (error) {
      if (signal.aborted || isShardmillError(error, "OUTPUT_FAILED")) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.[Symbol.asyncDispose]();
  }

  #start(): Remote<FolderCounterThread> {
    const script = compiledUrl("coordinator/publish/shape/folder-counter-thread.ts");
    return new Remote(new ThreadLink(script, { workerData: this.#options, isRef: false }), {
      lost: (end) => new ShardmillError("INTERNAL", `the thread that counts folders ended: ${endText(end)}`),
    });
  }
}
