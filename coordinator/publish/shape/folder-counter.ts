import { Worker } from "node:worker_threads";
import { type Deferred, deferred, orAbort } from "../../../shared/core/abort.ts";
import { type ErrorData, errorFromData } from "../../../shared/core/errors.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import type { TableFormat } from "../../../shared/domain/dataset.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import type { Location } from "../../../shared/domain/location.ts";

/** What the thread is started with. */
export interface FolderCounterOptions {
  readonly partitionBy: readonly string[];
  readonly format: TableFormat;
  readonly stores: JobStores;
}

/** A rows file of a partial. */
export interface CountedFile {
  readonly location: Location;
  readonly bytes: number;
  readonly rows: number;
}

export interface FolderAnswer {
  readonly id: number;
  readonly error: ErrorData | null;
}

/**
 * Counts the folders that the rows of partials will make, as they come: a job whose column has too many
 * values ends with the shard that shows it, and not when all is done. In a thread of its own, which is
 * started with the first file.
 *
 * What else is wrong with a file is nothing to it: whoever shapes the rows reads all of it again, and says
 * so.
 */
export class FolderCounter implements AsyncDisposable {
  readonly #options: FolderCounterOptions;
  readonly #asked = new Map<number, Deferred<void>>();
  #thread: Worker | null = null;
  #isLost = false;
  #nextId = 0;

  constructor(options: FolderCounterOptions) {
    this.#options = options;
  }

  /**
   * @throws {OUTPUT_FAILED} when there are too many folders, or one cannot have its name; the signal's reason
   * once it aborts
   */
  async add(file: CountedFile, signal: AbortSignal): Promise<void> {
    if (this.#isLost) return;
    this.#thread ??= this.#start();
    const id = this.#nextId;
    this.#nextId += 1;
    const answered = deferred<void>();
    this.#asked.set(id, answered);
    this.#thread.postMessage({ id, ...file });
    await orAbort(answered.promise, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lose();
    await this.#thread?.terminate();
  }

  #start(): Worker {
    const thread = new Worker(compiledUrl("coordinator/publish/shape/folder-counter-thread.ts"), {
      workerData: this.#options,
    });
    thread.unref();
    thread.on("message", ({ id, error }: FolderAnswer) => {
      const asked = this.#asked.get(id);
      this.#asked.delete(id);
      if (error?.code === "OUTPUT_FAILED") asked?.reject(errorFromData(error));
      else asked?.resolve();
    });
    thread.on("error", () => this.#lose());
    thread.on("exit", () => this.#lose());
    return thread;
  }

  #lose(): void {
    this.#isLost = true;
    for (const asked of this.#asked.values()) asked.resolve();
    this.#asked.clear();
  }
}
