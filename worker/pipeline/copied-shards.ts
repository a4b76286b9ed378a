import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { Slots } from "../../shared/core/slots.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { type PartialFile, type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { partialLayout } from "../../shared/domain/partial-layout.ts";
import { NO_ROWS } from "../../shared/domain/row-counts.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import { openSqlProcess, RESULTS_AT_ONCE } from "../../shared/sql/sql-process-client.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { type CopiedSlice, copySlices } from "../read/copy-slices.ts";
import type { DataAccess } from "../read/data-access.ts";
import type { InputFiles } from "../read/input-files.ts";
import { locate, openStorages, type Ways } from "../read/ways.ts";
import { Combiners } from "../write/combiners.ts";
import { openSink } from "../write/partial-sink.ts";
import { viewCopies } from "../write/view-copies.ts";
import { storePartial, writeCombined } from "../write/write-partial.ts";

interface CopiedShardsOptions {
  readonly job: JobDescription;
  readonly input: Ways;
  readonly output: DataAccess;
  readonly files: InputFiles;
  /** Existing folder of this thread. */
  readonly scratchPath: string;
  readonly meter: BusyMeter;
  /** Limit of shards that are combined at once. Each has a process with one thread. */
  readonly atOnce: number;
}

interface Attempt {
  readonly lease: Lease;
  readonly executionId: ExecutionId;
  readonly signal: AbortSignal;
  /** Called when all input is read. */
  readonly onRead: () => void;
}

/**
 * Combines shards without decoding their rows here: the row groups are copied, and DuckDB reads the copies.
 * It does so in a process of its own, because the files may be damaged.
 *
 * A shard that fails is left to the map, which makes the same table, or reports what is wrong. After a
 * failure of SQL, all later shards are, too.
 */
export class CopiedShards implements AsyncDisposable {
  readonly #options: CopiedShardsOptions;
  readonly #storages: ReturnType<typeof openStorages>;
  readonly #turns: Slots;
  /** Combiners that no shard uses. */
  readonly #idle: Combiners[] = [];
  #isUsable = true;

  constructor(options: CopiedShardsOptions) {
    const { job, output, atOnce } = options;
    this.#options = options;
    this.#storages = openStorages([output], job);
    // Idle combiners keep their processes. So those of all turns must fit, or one would wait forever.
    const fitting = Math.floor(RESULTS_AT_ONCE / Object.keys(job.reduce).length);
    const slots = Math.max(1, Math.min(atOnce, fitting));
    this.#turns = new Slots("shards", { slots, waiting: Number.POSITIVE_INFINITY });
  }

  /** False: the map must make all further partials. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  /**
   * Makes the partial of a shard. Null: the map must make it.
   *
   * @throws {STORE_EXISTS} {STORE_FAILED} when the partial cannot be stored
   */
  async run(attempt: Attempt): Promise<PartialManifest | null> {
    const { signal, onRead } = attempt;
    const folder = await mkdtemp(join(this.#options.scratchPath, "copies-"));
    try {
      const copies = await this.#copy(attempt, folder);
      if (copies === null) return null;
      onRead();
      const leave = await this.#turns.take(signal);
      const combiners = this.#idle.pop() ?? this.#openCombiners();
      try {
        return await this.#store(copies, { folder, combiners }, attempt);
      } catch (error) {
        signal.throwIfAborted();
        if (!isShardmillError(error, "SQL_FAILED") && !isShardmillError(error, "SQL_INVALID")) throw error;
        this.#isUsable = false;
        return null;
      } finally {
        this.#idle.push(combiners);
        leave();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Closes the databases. No shard may be running. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#idle.map((combiners) => combiners[Symbol.asyncDispose]()));
    await this.#storages[Symbol.asyncDispose]();
  }

  #openCombiners(): Combiners {
    const { job, scratchPath } = this.#options;
    return new Combiners(job, scratchPath, (database) =>
      openSqlProcess({ ...database, purpose: "result", signal: NEVER }),
    );
  }

  async #copy({ lease, signal }: Attempt, folder: string): Promise<readonly CopiedSlice[] | null> {
    const { job, input, files, meter } = this.#options;
    const [way] = input.ways;
    try {
      return await copySlices(lease.slices, { way, files, columns: job.map.columns, folder, meter }, signal);
    } catch {
      // The map reads the files on any way, and reports what is wrong with them.
      signal.throwIfAborted();
      return null;
    }
  }

  async #store(
    copies: readonly CopiedSlice[],
    { folder: scratchPath, combiners }: { readonly folder: string; readonly combiners: Combiners },
    { lease, executionId, signal }: Attempt,
  ): Promise<PartialManifest> {
    const { job, output, meter } = this.#options;
    const partials = locate(job.partialsPath, output.kind);
    const folder = partialFolder({ shard: lease.shard.id, token: lease.token, executionId });
    const storage = await this.#storages.at(partials);
    const sink = await openSink({ storage, partials, folder, scratchPath });
    const rows = shardRows(lease.shard);
    const counts = { ...NO_ROWS, rowsIn: rows, rowsMapped: rows, rowsOut: rows, firstDeadLetter: null };
    const place = { lease, executionId, sink, combiners, meter, signal };
    const view = {
      rowsPaths: copies.map(({ path }) => path),
      createView: (database: Parameters<typeof viewCopies>[0], paths: readonly string[]) =>
        viewCopies(database, paths, { copies, fields: job.map.keep }),
    };
    return await storePartial(counts, place, async () => {
      const files: PartialFile[] = [];
      for (const file of partialLayout(job, { hasDeadLetters: false })) {
        if (file.kind !== "combined" || file.combine === null)
          throw new Error("broken invariant: a job whose rows are copied has only tables made by SQL");
        const { name, reduction, combine, by } = file;
        files.push(await writeCombined({ name, reduction, combine, by }, view, place));
      }
      return files;
    });
  }
}
