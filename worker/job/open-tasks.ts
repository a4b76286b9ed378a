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
import { type Location, localPathOf, parseLocation } from "../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import {
  bucketRangeOf,
  type ReductionTasks,
  type RowsTasks,
  type TableFile,
} from "../../shared/domain/reduction-tasks.ts";
import type { ScanFile } from "../../shared/reduce/merge-small-files.ts";
import type { PartPlace } from "../../shared/reduce/reduce-part.ts";
import { tableFilesHere } from "../../shared/reduce/table-copies.ts";
import { rowsOf } from "../../shared/rows/plan-parts.ts";
import type { PartRange } from "../../shared/rows/read-ranges.ts";
import { partMemoryBytes } from "../../shared/sql/locking.ts";
import { wrongDigest, wrongSize } from "../../shared/storage/errors.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { jobTable } from "../../shared/wire/codec-steps.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { DataAccess } from "../read/data-access.ts";
import { locate } from "../read/ways.ts";
import { reduceTask, runTask } from "../tasks/run-task.ts";
import { type WriteParts, writePartsApart } from "../tasks/write-parts-apart.ts";
import { openSink } from "../write/partial-sink.ts";
import { isSameJob, type LocalJobOptions, openLocalJob, type RunnableJob } from "./local-job.ts";

export interface OpenTasksOptions extends LocalJobOptions {
  /** Slots of tasks, which all inner jobs of a worker share. */
  readonly slots: Slots;
  /** Opens the database. Default: in a process of its own. */
  readonly open?: PartPlace["open"];
  /** Writes parts of an output. Default: in a thread of its own. */
  readonly writeParts?: WriteParts;
}

interface Found {
  /** Job with its programs and tables to join with on this machine. */
  readonly job: JobDescription;
  readonly tasks: ReductionTasks | RowsTasks;
  readonly files: JobFiles;
  /** Way to the files, see {@link JobFiles}. */
  readonly access: DataAccess;
  readonly list: TaskList;
}

interface TaskList {
  /** Tables of all partials, in plan order. */
  readonly tables: readonly TableFile[];
  /** Rows of each part of the output. Empty: the tasks reduce. */
  readonly parts: readonly (readonly PartRange[])[];
}

/** Size checks at once, where a file system may be on another machine. */
const CHECKS_AT_ONCE = 16;

const TABLES: z.ZodType<readonly TableFile[]> = z.array(jobTable);
const PART_RANGE = z.object({ source: z.int(), rowStart: z.int(), rowEnd: z.int() });
const TASK_LIST: z.ZodType<TaskList> = z.union([
  TABLES.transform((tables) => ({ tables, parts: [] })),
  z.object({ tables: TABLES, parts: z.array(z.array(PART_RANGE)) }),
]);

/**
 * Inner job that is open on this worker. Each lease is a task, which reduces some buckets, or writes some
 * parts of an output. A task runs in a process or thread of its own, so the job has no model and no lanes.
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
      const list = await files.readList(tasks);
      await files.checkPlaces(list.tables);
      const { log } = options;
      log.info({ job: job.jobId, tables: list.tables.length, data: access.output.kind }, "inner job opened");
      return new OpenTasks(options, { job, tasks, files, access: access.output, list });
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
      const { shard, token } = lease;
      const { files, tasks } = this.#found;
      const range = bucketRangeOf(shard);
      const sink = await files.openSink(partialFolder({ shard: shard.id, token, executionId }), scratch);
      const attempt = { range, scratch, signal };
      const make = (folder: string) =>
        "rows" in tasks ? this.#write(tasks, attempt, folder) : this.#reduce(tasks, attempt, folder);
      return await runTask({ shard, token, executionId, range }, sink, make, signal);
    } finally {
      await rm(scratch, { recursive: true, force: true }).catch(() => {});
      release();
    }
  }

  async #reduce({ name, spec, fields }: ReductionTasks, { range, scratch, signal }: Attempt, folder: string) {
    const { job, files, list } = this.#found;
    const scanned = await files.scanFiles(list.tables, range, { scratch, signal });
    const binding = job.reductions[name] ?? null;
    const part = { name, spec, binding, tables: job.tables, fields, files: scanned, range };
    const place = { scratch, folders: foldersOf(scanned), memoryLimitBytes: partMemoryBytes() };
    return await reduceTask(part, folder, { ...place, signal, open: this.#options.open });
  }

  async #write({ rows }: RowsTasks, { range: { from, to }, scratch, signal }: Attempt, folder: string) {
    const { job, access, list } = this.#found;
    const { writeParts = writePartsApart } = this.#options;
    const parts = list.parts.slice(from, to);
    const place = {
      access,
      job: { jobId: job.jobId, stores: job.stores },
      folder: parseLocation(folder),
      scratch,
    };
    const made = await writeParts({ ...rows, ...place, files: list.tables, parts, first: from }, signal);
    const rowsRead = parts.reduce((sum, ranges) => sum + rowsOf(ranges), 0);
    return { files: made.map((file) => ({ kind: "rows" as const, ...file })), rowsRead };
  }
}

interface Attempt {
  readonly range: BucketRange;
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
  async readList({ list }: Pick<ReductionTasks, "list">): Promise<TaskList> {
    const bytes = await this.#read(list.location, 0, list.bytes, NEVER);
    const found = sha256(bytes);
    if (found !== list.sha256) throw wrongDigest(list.location, list.sha256, found);
    return TASK_LIST.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
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
