import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { joined, NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { sha256 } from "../../shared/core/digest.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { Slots } from "../../shared/core/slots.ts";
import type { BucketRange } from "../../shared/domain/buckets.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { type Location, localPathOf } from "../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { bucketRangeOf, type ReductionTasks, type TableFile } from "../../shared/domain/reduction-tasks.ts";
import type { ScanFile } from "../../shared/reduce/merge-small-files.ts";
import type { PartPlace } from "../../shared/reduce/reduce-part.ts";
import { tableFilesHere } from "../../shared/reduce/table-copies.ts";
import { partMemoryBytes } from "../../shared/sql/locking.ts";
import { wrongDigest, wrongSize } from "../../shared/storage/errors.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { jobTable } from "../../shared/wire/codec-steps.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { DataAccess } from "../read/data-access.ts";
import { locate } from "../read/ways.ts";
import { runTask } from "../tasks/run-task.ts";
import { openSink } from "../write/partial-sink.ts";
import { isSameJob, type LocalJobOptions, openLocalJob, type RunnableJob } from "./local-job.ts";

export interface OpenTasksOptions extends LocalJobOptions {
  /** Slots of tasks, which all inner jobs of a worker share. */
  readonly slots: Slots;
  /** Opens the database. Default: in a process of its own. */
  readonly open?: PartPlace["open"];
}

interface Found {
  /** Job with its programs and tables to join with on this machine. */
  readonly job: JobDescription;
  readonly tasks: ReductionTasks;
  readonly files: JobFiles;
  /** Tables of all partials, in plan order. */
  readonly tables: readonly TableFile[];
}

/** Size checks at once, where a file system may be on another machine. */
const CHECKS_AT_ONCE = 16;

const TABLE_LIST: z.ZodType<readonly TableFile[]> = z.array(jobTable);

/**
 * Inner job that is open on this worker: each lease is a task, which reduces some buckets. A task runs in a
 * process of its own, so the job has no model, no lanes and no threads.
 */
export class OpenTasks implements RunnableJob {
  readonly #options: OpenTasksOptions;
  readonly #found: Found;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<PartialManifest>>();

  private constructor(options: OpenTasksOptions, found: Found) {
    this.#options = options;
    this.#found = found;
  }

  /**
   * @throws errors of `openLocalJob`
   * @throws {STORE_NOT_FOUND} {STORE_FAILED} when the list or a table is not the coordinator's
   */
  static async open(options: OpenTasksOptions): Promise<OpenTasks> {
    const { job, access, coordinator } = await openLocalJob(options);
    const tasks = present(job.tasks, "an inner job has tasks");
    // The output's way is proven by the beacon. Tables are in the same storage.
    const files = new JobFiles(access.output.kind, job, coordinator);
    try {
      const tables = await files.readList(tasks);
      await files.checkPlaces(tables);
      const { log } = options;
      log.info({ job: job.jobId, tables: tables.length, data: access.output.kind }, "inner job opened");
      return new OpenTasks(options, { job, tasks, files, tables });
    } catch (error) {
      await files[Symbol.asyncDispose]();
      throw error;
    }
  }

  isStill(job: JobDescription): boolean {
    return isSameJob(job, this.#options.described);
  }

  memoryBytes(): number {
    return 0;
  }

  async rest(): Promise<void> {}

  /** Runs a task in its turn. When `signal` aborts, its process is ended, or it leaves the queue. */
  async run(
    lease: Lease,
    executionId: ExecutionId,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<PartialManifest> {
    using either = joined(signal, this.#closing.signal);
    const running = this.#runInTurn(lease, executionId, either.signal);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Ends all tasks, and closes the storages. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new ShardmillError("INTERRUPTED", "the job is closed on this worker"));
    await Promise.allSettled(this.#running);
    await this.#found.files[Symbol.asyncDispose]();
  }

  async #runInTurn(lease: Lease, executionId: ExecutionId, signal: AbortSignal): Promise<PartialManifest> {
    const release = await this.#options.slots.take(signal);
    const scratch = join(this.#options.scratchPath, "tasks", executionId);
    try {
      await mkdir(scratch, { recursive: true });
      return await this.#reduce({ lease, executionId, scratch, signal });
    } finally {
      await rm(scratch, { recursive: true, force: true }).catch(() => {});
      release();
    }
  }

  async #reduce({ lease, executionId, scratch, signal }: Attempt): Promise<PartialManifest> {
    const { job, tasks, files, tables } = this.#found;
    const { name, spec, fields } = tasks;
    const { shard, token } = lease;
    const range = bucketRangeOf(shard);
    const scanned = await files.scanFiles(tables, range, { scratch, signal });
    const sink = await files.openSink(partialFolder({ shard: shard.id, token, executionId }), scratch);
    const binding = job.reductions[name] ?? null;
    return await runTask(
      { name, spec, binding, tables: job.tables, fields, files: scanned, range },
      { shard, token, executionId },
      {
        sink,
        scratch,
        folders: foldersOf(scanned),
        signal,
        memoryLimitBytes: partMemoryBytes(),
        open: this.#options.open,
      },
    );
  }
}

interface Attempt {
  readonly lease: Lease;
  readonly executionId: ExecutionId;
  /** Existing folder of this attempt only. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** Returns the folders that SQL reads: the one of all partials, instead of one for each of them. */
function foldersOf(files: readonly ScanFile[]): readonly string[] {
  return [...new Set(files.map(({ path }) => dirname(dirname(path))))];
}

/** Files of an inner job on one way: the list, the tables, and the partials of its tasks. */
class JobFiles implements AsyncDisposable {
  readonly #kind: DataAccess["kind"];
  readonly #partials: Location;
  readonly #storages: Storages;

  constructor(
    kind: DataAccess["kind"],
    { partialsPath, stores }: Pick<JobDescription, "partialsPath" | "stores">,
    coordinator: Storage | null,
  ) {
    this.#kind = kind;
    this.#partials = locate(partialsPath, kind);
    this.#storages = new Storages(
      coordinator === null ? {} : { coordinator: async () => coordinator },
      stores,
    );
  }

  /**
   * Reads the list of tables, once for the job.
   *
   * @throws {STORE_FAILED} when it has other bytes
   */
  async readList({ list }: ReductionTasks): Promise<readonly TableFile[]> {
    const bytes = await this.#read(list.location, 0, list.bytes, NEVER);
    const found = sha256(bytes);
    if (found !== list.sha256) throw wrongDigest(list.location, list.sha256, found);
    return TABLE_LIST.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  }

  /**
   * Checks that tables which are read in place are there. SQL could not distinguish a missing table from a
   * wrong statement, which would fail the job.
   */
  async checkPlaces(tables: readonly TableFile[]): Promise<void> {
    const inPlace = tables.filter(({ location }) => this.#isInPlace(location));
    await mapConcurrent(inPlace, CHECKS_AT_ONCE, async ({ location, bytes }) => {
      const found = await (await this.#storages.at(location)).stat(location, NEVER);
      if (found.bytes !== bytes) throw wrongSize(location, bytes, found.bytes);
    });
  }

  /** Returns the tables on this machine, in order: in place, or as copies of what the range needs. */
  async scanFiles(
    tables: readonly TableFile[],
    range: BucketRange,
    { scratch, signal }: Pick<Attempt, "scratch" | "signal">,
  ): Promise<readonly ScanFile[]> {
    if (tables.every(({ location }) => this.#isInPlace(location)))
      return tables.map(({ location, bytes }) => ({ path: localPathOf(location), bytes }));
    const folder = join(scratch, "tables");
    await mkdir(folder);
    const read = this.#read.bind(this);
    return await tableFilesHere(tables, range, { read, folder }, signal);
  }

  async openSink(folder: string, scratchPath: string): ReturnType<typeof openSink> {
    const storage = await this.#storages.at(this.#partials);
    return await openSink({ storage, partials: this.#partials, folder, scratchPath });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#storages[Symbol.asyncDispose]();
  }

  #isInPlace(location: Location): boolean {
    return this.#kind === "shared" && isOnThisMachine(location);
  }

  async #read(location: Location, start: number, end: number, signal: AbortSignal): Promise<Uint8Array> {
    const at = locate(location, this.#kind);
    return await (await this.#storages.at(at)).read(at, start, end, { signal });
  }
}
