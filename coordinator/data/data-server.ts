import { callerKey } from "../../shared/access/callers.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { type Pace, paced } from "../../shared/core/pace.ts";
import { Slots } from "../../shared/core/slots.ts";
import { SlotsPerPeer, takeEach } from "../../shared/core/slots-per-peer.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { below, type FileStat, isLocation, type Location } from "../../shared/domain/location.ts";
import { parsePartialFolder, partialFolder } from "../../shared/domain/partial.ts";
import { isPartialFileName } from "../../shared/domain/partial-layout.ts";
import type { ShardId } from "../../shared/domain/shard.ts";
import type { Token } from "../../shared/domain/token.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { JobStorages } from "../../shared/storage/job-storages.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import { putSpooled } from "../../shared/storage/put-spooled.ts";
import type { Who } from "../../shared/wire/server-call.ts";
import type { DataService, FileRange, PutHeader, Requested } from "../../shared/wire/services.ts";
import { UploadLedger, uploadKey } from "./upload-ledger.ts";

/** Files of a job that may be read and written through the coordinator. */
interface ServedJob {
  readonly stores: JobStores;
  readonly inputPaths: Pick<ReadonlySet<Location>, "has">;
  /** The model, and its files of external tensors. */
  readonly modelPaths: Pick<ReadonlySet<Location>, "has">;
  readonly partialsPath: Location;
  /** Folder on this machine, made if needed. Uploads wait there for storage that needs the whole file. */
  readonly spoolPath: string;
  /** @throws {LEASE_STALE} when this lease may not offer a partial of the shard */
  checkUpload(shard: ShardId, token: Token): void;
}

export interface DataServerOptions {
  readonly knowsSession: (session: WorkerSession) => boolean;
  /** Returns the job. Null: unknown ID. */
  readonly job: (jobId: JobId) => ServedJob | null;
  readonly limits?: Partial<DataServerLimits>;
}

interface DataServerLimits {
  /** Limit of bytes that may be put under one lease. */
  readonly partialBytes: number;
  /** Concurrent downloads. */
  readonly reads: number;
  /** Concurrent uploads. */
  readonly puts: number;
  /** Limit of calls that wait for a slot, for downloads and for uploads. */
  readonly waiting: number;
  /** Limit of one wait for a slot. A caller's deadline is for its transfer alone. */
  readonly waitMs: number;
  /** Slowest allowed pace of an upload, because it holds a slot. */
  readonly pace: Pace;
}

/**
 * Default limits.
 *
 * - `partialBytes`: a partial is one shard's output, and at 64 GiB something is wrong.
 * - `reads` and `puts`: together they stay under 200 MiB. Each holds an open file and some chunks. A download
 *   holds two of 512 KiB. An upload holds up to 4 MiB, because grpc-js reads 16 messages ahead.
 * - `waiting`: one call for each of a thousand workers. A refused caller tries again.
 * - `waitMs`: a call waits for its worker's slot, its identity's slot and a slot among all. The sum is well
 *   within the shortest deadline of a transfer.
 * - `pace`: an upload ends when a minute brings no bytes, or fewer than the slowest connection brings in a
 *   second.
 *
 * Streams limit the pace of readers themselves: see `serveServerStream`.
 */
const LIMITS: DataServerLimits = {
  partialBytes: 64 * 2 ** 30,
  reads: 128,
  puts: 16,
  waiting: 1_024,
  waitMs: 20_000,
  pace: { everyMs: 60_000, leastBytes: 64 * 1024 },
};

/**
 * Limits of downloads per worker: a quarter of all slots. A worker with many threads needs only a few, and a
 * hanging one leaves most slots to others.
 */
const READS_OF_ONE = { slots: 32, waiting: 1_024 } as const;
/** Share of the slots for one identity. A fleet whose workers all hang leaves some slots to others. */
const OF_IDENTITY = 3 / 4;
/** Bytes of a chunk. With gRPC, 256 KiB to 1 MiB are fastest, and each reader holds two chunks. */
const CHUNK_BYTES = 512 * 1024;

/** Limits of uploads per lease. Its files are put one after another, and a broken connection adds one. */
const PUTS_OF_ONE = { slots: 2, waiting: 32 } as const;

/**
 * Serves the coordinator's files to workers that cannot reach them. Workers read the inputs and the model of
 * a job, and put partials. A path must be equal to a path of the plan, so no path leads outside.
 *
 * @throws {SESSION_STALE} {JOB_NOT_FOUND} {LEASE_STALE} {STORE_REFUSED} {STORE_NOT_FOUND} {STORE_EXISTS}
 * {STORE_FAILED}
 * @throws {RESOURCE_EXHAUSTED} when too many calls wait already, or one has waited too long
 * @throws {DEADLINE_EXCEEDED} when an upload is too slow
 */
export class DataServer implements DataService, AsyncDisposable {
  readonly #options: DataServerOptions;
  readonly #storages = new JobStorages({ file: async () => createLocalStorage({ idleMs: IDLE_FILE_MS }) });
  readonly #pace: Pace;
  readonly #ledger: UploadLedger;
  readonly #readsOfOne: SlotsPerPeer;
  readonly #putsOfOne: SlotsPerPeer;
  readonly #readsOfIdentity: SlotsPerPeer;
  readonly #putsOfIdentity: SlotsPerPeer;
  readonly #reads: Slots;
  readonly #puts: Slots;

  constructor(options: DataServerOptions) {
    const { partialBytes, reads, puts, waiting, waitMs, pace } = { ...LIMITS, ...options.limits };
    this.#options = options;
    this.#pace = pace;
    this.#ledger = new UploadLedger(partialBytes);
    this.#readsOfOne = new SlotsPerPeer("downloads", { ...READS_OF_ONE, waitMs });
    this.#putsOfOne = new SlotsPerPeer("uploads", { ...PUTS_OF_ONE, waitMs });
    const most = (slots: number) => ({ slots: Math.ceil(slots * OF_IDENTITY), waiting, waitMs });
    this.#readsOfIdentity = new SlotsPerPeer("downloads", most(reads));
    this.#putsOfIdentity = new SlotsPerPeer("uploads", most(puts));
    this.#reads = new Slots("downloads", { slots: reads, waiting, waitMs });
    this.#puts = new Slots("uploads", { slots: puts, waiting, waitMs });
  }

  async statFile(session: WorkerSession, jobId: JobId, path: string, signal: AbortSignal): Promise<FileStat> {
    const { location, storages } = this.#readable(session, jobId, path);
    return await (await storages.at(location)).stat(location, signal);
  }

  async *readRange(
    { session, jobId, path, start, end, who }: FileRange & Requested,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { location, storages } = this.#readable(session, jobId, path);
    const release = await takeEach(
      () => this.#readsOfOne.take(session, signal),
      () => this.#readsOfIdentity.take(keyOf(who), signal),
      () => this.#reads.take(signal),
    );
    try {
      const storage = await storages.at(location);
      // An empty range is read, too, to check that the file exists.
      for (let at = start; at === start || at < end; at += CHUNK_BYTES)
        yield await storage.read(location, at, Math.min(at + CHUNK_BYTES, end), { signal });
    } finally {
      release();
    }
  }

  async putPartialFile(
    { who, ...header }: PutHeader & Requested,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    this.#folderFor(header);
    const release = await takeEach(
      () => this.#putsOfOne.take(uploadKey(header), signal),
      () => this.#putsOfIdentity.take(keyOf(who), signal),
      () => this.#puts.take(signal),
    );
    try {
      // Check again: the lease or the job may have ended during the wait.
      const folder = this.#folderFor(header);
      this.#ledger.admit(header);
      const storage = await folder.storages.at(folder.path);
      const source = { bytes: header.bytes, chunks: () => paced(chunks, this.#pace) };
      // Folders that were removed with a job must not be made again.
      const options = { ifAbsent: true, within: folder.within, signal };
      const target = below(folder.path, header.name);
      if (isOnThisMachine(target)) await storage.put(target, source, options);
      else await putSpooled(target, source, { storage, options, spoolPath: folder.spoolPath });
    } finally {
      release();
    }
  }

  #job(session: WorkerSession, jobId: JobId): ServedJob {
    if (!this.#options.knowsSession(session)) {
      throw new ShardmillError("SESSION_STALE", "this worker's session has ended", { fields: { session } });
    }
    const job = this.#options.job(jobId);
    if (job === null) throw new ShardmillError("JOB_NOT_FOUND", `no job ${jobId}`, { fields: { jobId } });
    return job;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#storages[Symbol.asyncDispose]();
  }

  #readable(session: WorkerSession, jobId: JobId, path: string): { location: Location; storages: Storages } {
    const job = this.#job(session, jobId);
    if (isLocation(path) && (job.modelPaths.has(path) || job.inputPaths.has(path)))
      return { location: path, storages: this.#storages.of(job) };
    throw refused(path, "is not a file of the job");
  }

  #folderFor(header: PutHeader): PartialPlace {
    const job = this.#job(header.session, header.jobId);
    const folder = partialFolder(header);
    if (parsePartialFolder(folder) === null) throw refused(folder, "is not a partial's folder");
    if (!isPartialFileName(header.name)) throw refused(header.name, "is not a file of a partial");
    job.checkUpload(header.shard, header.token);
    const { partialsPath: within, spoolPath } = job;
    return { path: below(within, folder), within, spoolPath, storages: this.#storages.of(job) };
  }
}

interface PartialPlace extends Pick<ServedJob, "spoolPath"> {
  readonly path: Location;
  readonly within: Location;
  readonly storages: Storages;
}

function keyOf(who: Who | undefined): string {
  return who === undefined ? "" : callerKey(who);
}

function refused(path: string, why: string): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `${path} ${why}`, { fields: { path } });
}

/** Time until an idle file is closed. A job's file is read range by range, so it stays open in between. */
const IDLE_FILE_MS = 10_000;
