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
import type { Asked, DataService, FileRange, PutHeader } from "../../shared/wire/services.ts";
import { UploadLedger, uploadKey } from "./upload-ledger.ts";

/** What of a job may be read and written through the coordinator. */
interface ServedJob {
  readonly stores: JobStores;
  readonly inputPaths: Pick<ReadonlySet<Location>, "has">;
  /** The model, and the files that it keeps tensors in. */
  readonly modelPaths: Pick<ReadonlySet<Location>, "has">;
  readonly partialsPath: Location;
  /** On this machine, made if needed: where an upload is on its way to storage that has to know it whole. */
  readonly spoolPath: string;
  /** @throws {LEASE_STALE} when no partial of this shard is wanted under this token */
  checkUpload(shard: ShardId, token: Token): void;
}

export interface DataServerOptions {
  readonly knowsSession: (session: WorkerSession) => boolean;
  /** Null when there is no job of that id. */
  readonly job: (jobId: JobId) => ServedJob | null;
  readonly limits?: Partial<DataServerLimits>;
}

interface DataServerLimits {
  /** The most that may be put under one lease. */
  readonly partialBytes: number;
  /** Downloads at once. */
  readonly reads: number;
  /** Uploads at once. */
  readonly puts: number;
  /** Calls that wait for their turn, for each of the two. */
  readonly waiting: number;
  /**
   * How long one of them waits: a caller's deadline is for what it moves, and must not run out before its
   * turn.
   */
  readonly waitMs: number;
  /** How slow an upload may be: it holds its turn. */
  readonly pace: Pace;
}

/**
 * `partialBytes`: a partial is one shard's output; at 64 GiB something is wrong. `reads` and `puts`: each
 * holds an open file and some chunks (a download two of 512 KiB, an upload up to 4 MiB, as grpc-js reads 16
 * messages ahead), so that all together stay under 200 MiB. `waiting`: a turn for each of a thousand workers;
 * whoever gets none tries again. `waitMs`: twice that, its own turn and that among all, is well within a
 * transfer's least deadline. `pace`: a minute without bytes, or with fewer than the slowest line brings in a
 * second, and the turn goes to another. The bound for readers is the streams' own: see `serveServerStream`.
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
 * A quarter of the turns: a worker of many threads gets by with a few, and one that hangs leaves most to the
 * others.
 */
const READS_OF_ONE = { slots: 32, waiting: 1_024 } as const;
/** Of the turns: a fleet with one token, however many of its workers hang, leaves some to those of others. */
const OF_IDENTITY = 3 / 4;
/** Between the 256 KiB and the 1 MiB at which gRPC is fastest: two of them are in memory for each reader. */
const CHUNK_BYTES = 512 * 1024;

/** A partial's files are put one after another; one more, where a connection broke. */
const PUTS_OF_ONE = { slots: 2, waiting: 32 } as const;

/**
 * The coordinator's files for workers that do not see them: the inputs and the model of a job to read,
 * partials to put. Paths are compared as text with those of the plan, so there is no path that leads out.
 *
 * @throws {SESSION_STALE} {JOB_NOT_FOUND} {LEASE_STALE} {STORE_REFUSED} {STORE_NOT_FOUND} {STORE_EXISTS}
 * {STORE_FAILED}
 * @throws {RESOURCE_EXHAUSTED} when too many wait already, or for too long; {DEADLINE_EXCEEDED} when an
 * upload is too slow
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
    { session, jobId, path, start, end, who }: FileRange & Asked,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { location, storages } = this.#readable(session, jobId, path);
    const giveBack = await takeEach(
      () => this.#readsOfOne.take(session, signal),
      () => this.#readsOfIdentity.take(keyOf(who), signal),
      () => this.#reads.take(signal),
    );
    try {
      const storage = await storages.at(location);
      // An empty range, too, says whether the file is there.
      for (let at = start; at === start || at < end; at += CHUNK_BYTES)
        yield await storage.read(location, at, Math.min(at + CHUNK_BYTES, end), { signal });
    } finally {
      giveBack();
    }
  }

  async putPartialFile(
    { who, ...header }: PutHeader & Asked,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    this.#folderFor(header);
    const giveBack = await takeEach(
      () => this.#putsOfOne.take(uploadKey(header), signal),
      () => this.#putsOfIdentity.take(keyOf(who), signal),
      () => this.#puts.take(signal),
    );
    try {
      // Once more: while it waited for its turn, the lease, or the job, may have ended.
      const folder = this.#folderFor(header);
      this.#ledger.admit(header);
      const storage = await folder.storages.at(folder.path);
      const source = { bytes: header.bytes, chunks: () => paced(chunks, this.#pace) };
      // What was removed with a job is not made anew.
      const options = { ifAbsent: true, within: folder.within, signal };
      const target = below(folder.path, header.name);
      if (isOnThisMachine(target)) await storage.put(target, source, options);
      else await putSpooled(target, source, { storage, options, spoolPath: folder.spoolPath });
    } finally {
      giveBack();
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

/** A file of the job is asked for range by range; one that is no longer asked for is not held open. */
const IDLE_FILE_MS = 10_000;
