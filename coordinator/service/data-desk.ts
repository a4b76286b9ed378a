import { join } from "node:path";
import { ShardmillError } from "../../shared/core/errors.ts";
import { Slots } from "../../shared/core/slots.ts";
import { isPartialFileName, parsePartialFolder, partialFolder } from "../../shared/domain/partial.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import type { StoreStat } from "../../shared/store/store.ts";
import type { DataService, PutHeader } from "../../shared/wire/services.ts";
import { readFileRange, statFile } from "./file-range.ts";
import { putFile } from "./put-file.ts";

/** What of a job may be read and written through the coordinator. */
export interface DeskJob {
  readonly inputPaths: Pick<ReadonlySet<string>, "has">;
  /** The model, and the files that it keeps tensors in. */
  readonly modelPaths: Pick<ReadonlySet<string>, "has">;
  readonly partialsPath: string;
}

export interface DataDeskOptions {
  readonly knowsSession: (session: WorkerSession) => boolean;
  /** Null when there is no job of that id. */
  readonly job: (jobId: string) => DeskJob | null;
  readonly limits?: Partial<DataDeskLimits>;
}

export interface DataDeskLimits {
  /** The largest file that may be put. */
  readonly fileBytes: number;
  /** Downloads at once. */
  readonly reads: number;
  /** Uploads at once. */
  readonly puts: number;
  /** Calls that wait for their turn, for each of the two. */
  readonly waiting: number;
}

/**
 * `fileBytes`: a partial is one shard's output; at 64 GiB something is wrong. `reads` and `puts`: each holds an open file
 * and some chunks (a download two of 512 KiB, an upload up to 4 MiB, as grpc-js reads 16 messages ahead), so that all
 * together stay under 200 MiB. `waiting`: a turn for each of a thousand workers; whoever gets none tries again.
 */
const LIMITS: DataDeskLimits = { fileBytes: 64 * 2 ** 30, reads: 128, puts: 16, waiting: 1_024 };

/** For callers in the same process that leave their signal out. */
const NEVER = new AbortController().signal;

/**
 * The coordinator's files for workers that do not see them: the inputs and the model of a job to read, partials to put.
 * Paths are compared as text with those of the plan, so there is no path that leads out.
 *
 * @throws {SESSION_STALE} {JOB_NOT_FOUND} {STORE_REFUSED} {STORE_NOT_FOUND} {STORE_EXISTS} {STORE_FAILED}
 * @throws {RESOURCE_EXHAUSTED} when too many wait already
 */
export class DataDesk implements DataService {
  readonly #options: DataDeskOptions;
  readonly #fileBytes: number;
  readonly #reads: Slots;
  readonly #puts: Slots;

  constructor(options: DataDeskOptions) {
    const { fileBytes, reads, puts, waiting } = { ...LIMITS, ...options.limits };
    this.#options = options;
    this.#fileBytes = fileBytes;
    this.#reads = new Slots("downloads", { slots: reads, waiting });
    this.#puts = new Slots("uploads", { slots: puts, waiting });
  }

  async statFile(session: WorkerSession, jobId: string, path: string): Promise<StoreStat> {
    this.#checkReadable(session, jobId, path);
    return await statFile(path);
  }

  async *readRange(
    { session, jobId, path, start, end }: Parameters<DataService["readRange"]>[0],
    signal: AbortSignal = NEVER,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    this.#checkReadable(session, jobId, path);
    const giveBack = await this.#reads.take(signal);
    try {
      yield* readFileRange(path, { start, end }, signal);
    } finally {
      giveBack();
    }
  }

  async putPartialFile(
    header: PutHeader,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal = NEVER,
  ): Promise<void> {
    const folder = this.#folderFor(header);
    const giveBack = await this.#puts.take(signal);
    try {
      await putFile({ folder, name: header.name, bytes: header.bytes, chunks, signal });
    } finally {
      giveBack();
    }
  }

  #job(session: WorkerSession, jobId: string): DeskJob {
    if (!this.#options.knowsSession(session)) {
      throw new ShardmillError("SESSION_STALE", "this worker's session has ended", { fields: { session } });
    }
    const job = this.#options.job(jobId);
    if (job === null) throw new ShardmillError("JOB_NOT_FOUND", `no job ${jobId}`, { fields: { jobId } });
    return job;
  }

  #checkReadable(session: WorkerSession, jobId: string, path: string): void {
    const { modelPaths, inputPaths } = this.#job(session, jobId);
    if (!modelPaths.has(path) && !inputPaths.has(path)) throw refused(path, "is not a file of the job");
  }

  #folderFor(header: PutHeader): string {
    const { partialsPath } = this.#job(header.session, header.jobId);
    const folder = partialFolder(header);
    if (parsePartialFolder(folder) === null) throw refused(folder, "is not a partial's folder");
    if (!isPartialFileName(header.name)) throw refused(header.name, "is not a file of a partial");
    if (header.bytes > this.#fileBytes) throw refused(header.name, `is larger than ${this.#fileBytes} bytes`);
    return join(partialsPath, folder);
  }
}

function refused(path: string, why: string): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `${path} ${why}`, { fields: { path } });
}
