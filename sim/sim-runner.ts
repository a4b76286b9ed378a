import { join } from "node:path";
import { sleepBy } from "../shared/core/abort.ts";
import { present } from "../shared/core/assert.ts";
import { sha256 } from "../shared/core/digest.ts";
import type { Disk } from "../shared/core/disk.ts";
import { ShardmillError } from "../shared/core/errors.ts";
import type { InputFile } from "../shared/domain/dataset.ts";
import type { ExecutionId } from "../shared/domain/execution-id.ts";
import type { Lease } from "../shared/domain/job.ts";
import type { Location } from "../shared/domain/location.ts";
import { type PartialFile, type PartialManifest, partialFolder } from "../shared/domain/partial.ts";
import { partialDigest } from "../shared/domain/partial-digest.ts";
import { type PlannedPartialFile, partialLayout, partialShape } from "../shared/domain/partial-layout.ts";
import { bucketRangeOf } from "../shared/domain/reduction-tasks.ts";
import { NO_ROWS } from "../shared/domain/row-counts.ts";
import { asStorageErrors } from "../shared/storage/errors.ts";
import type { Storage } from "../shared/storage/storage.ts";
import { JobsInUse } from "../worker/job/jobs-in-use.ts";
import type { ShardRunner } from "../worker/lease/shard-runner.ts";
import type { PartialSink } from "../worker/write/partial-sink.ts";
import { OpenSimJob, type OpenSimJobOptions } from "./open-sim-job.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { encodeLines, type Line } from "./sim-files.ts";
import { partsOf, rowName, type SimJob } from "./sim-plan.ts";
import { reduceTask, taskListOf, taskManifest } from "./sim-tasks.ts";

interface SimRunnerOptions extends OpenSimJobOptions {
  readonly jobs: readonly SimJob[];
  readonly disk: Disk;
  /** Storage from which tasks read. */
  readonly storage: Pick<Storage, "read" | "stat">;
  readonly openSink: (partials: Location, folder: string) => Promise<PartialSink>;
  readonly random: SeededRandom;
  readonly rowMs: number;
  /** Draws whether the model breaks in this attempt. */
  readonly breaks: () => boolean;
  /** Ends the process, for a row that no process survives. */
  readonly die: (why: string) => void;
}

/** Writes the files of a partial. */
type WritePartial = (sink: PartialSink) => Promise<{
  readonly files: readonly PartialFile[];
  readonly manifest: (executionId: ExecutionId) => PartialManifest;
}>;

const HANGING = new Promise<never>(() => {});

/**
 * Maps the rows of a shard in simulated time. Writes a partial to the simulated disk through the real sink.
 */
export class SimRunner implements ShardRunner {
  readonly #options: SimRunnerOptions;
  readonly #jobs = new JobsInUse<OpenSimJob>({ idleBytes: 0 });

  constructor(options: SimRunnerOptions) {
    this.#options = options;
  }

  useSession(): void {
    this.#jobs.putAway();
  }

  run(
    lease: Lease,
    executionId: ExecutionId,
    calls: Parameters<ShardRunner["run"]>[2],
  ): Promise<PartialManifest> {
    return this.#jobs.use(lease.jobId, {
      open: () => OpenSimJob.open(this.#jobOf(lease), taskListOf(lease)?.path ?? null, this.#options),
      work: (open) => open.run(() => this.#runOn(open, lease, { executionId, calls })),
      signal: calls.signal,
    });
  }

  #jobOf({ slices }: Lease): SimJob {
    const path = slices[0]?.file.path ?? "";
    return present(
      this.#options.jobs.find(({ data, out }) => [data, out].some((folder) => path.startsWith(`${folder}/`))),
      "a lease is of a job of this world",
    );
  }

  async #runOn(
    { job, partials }: OpenSimJob,
    lease: Lease,
    {
      executionId,
      calls,
    }: { readonly executionId: ExecutionId; readonly calls: Parameters<ShardRunner["run"]>[2] },
  ): Promise<PartialManifest> {
    const { openSink } = this.#options;
    const { signal } = calls;
    const list = taskListOf(lease);
    const write =
      list === null
        ? await this.#mapShard(job, lease, calls)
        : await this.#runTask(job, list, { lease, signal });
    const folder = partialFolder({ shard: lease.shard.id, token: lease.token, executionId });
    const sink = await openSink(partials, folder);
    try {
      const { files, manifest } = await write(sink);
      await sink.seal(files, signal);
      signal.throwIfAborted();
      return manifest(executionId);
    } catch (error) {
      await sink.discard().catch(() => {});
      throw error;
    }
  }

  async #mapShard(
    job: SimJob,
    lease: Lease,
    calls: Parameters<ShardRunner["run"]>[2],
  ): Promise<WritePartial> {
    const mapped = await this.#map(job, lease, calls);
    const variant = `v${this.#options.random.int(0, 99)}`;
    return async (sink) => {
      const files = await this.#write(job, mapped, { variant, sink, signal: calls.signal });
      return { files, manifest: (executionId) => manifestOf(lease, executionId, mapped, files) };
    };
  }

  /** Reads the tables of a task. The "SQL" may fail, as a model may break. */
  async #runTask(
    job: SimJob,
    list: InputFile,
    { lease, signal }: { readonly lease: Lease; readonly signal: AbortSignal },
  ): Promise<WritePartial> {
    const { clock, random, rowMs, storage, breaks, die } = this.#options;
    const onTable = () => sleepBy(clock, rowMs * random.between(0.5, 1.5), signal);
    const range = bucketRangeOf(lease.shard);
    const reduced = await reduceTask(list, range, { storage, signal, onTable });
    if (range.to - range.from > job.mostBuckets) {
      die(`task ${lease.shard.id} takes too much memory`);
      return await HANGING;
    }
    if (breaks()) throw new ShardmillError("MODEL_FAILED", "the simulated reduction broke");
    return async (sink) => {
      const files = [await this.#put(sink, { kind: "rows", name: "rows.parquet" }, reduced.lines)];
      return { files, manifest: (executionId) => taskManifest(lease, executionId, reduced, files) };
    };
  }

  async #map(
    job: SimJob,
    lease: Lease,
    { signal, onProgress }: Parameters<ShardRunner["run"]>[2],
  ): Promise<Mapped> {
    const { clock, random, rowMs, breaks, die } = this.#options;
    const { rowStart, rowEnd } = lease.shard;
    const mapped: Mapped = { rows: [], mapped: 0, filtered: 0, truncated: 0, deadLetters: [] };
    const breakingAt = breaks() ? random.int(rowStart, rowEnd) - rowStart : -1;
    for (const [index, row] of rowsOf(lease).entries()) {
      await sleepBy(clock, rowMs * random.between(0.5, 1.5), signal);
      const name = rowName(row.path, row.row);
      if (job.poison.has(name)) {
        die(`shard ${lease.shard.id} has poison in row ${name}`);
        return await HANGING;
      }
      if (index === breakingAt) throw new ShardmillError("MODEL_FAILED", "the simulated model broke");
      if (job.failing.has(name)) mapped.deadLetters.push(row);
      else addParts(mapped, row, { parts: partsOf(job, name), isTruncated: job.truncated.has(name) });
      onProgress(index + 1);
    }
    return mapped;
  }

  async #write(
    job: SimJob,
    mapped: Mapped,
    {
      variant,
      sink,
      signal,
    }: { readonly variant: string; readonly sink: PartialSink; readonly signal: AbortSignal },
  ): Promise<PartialFile[]> {
    const { rows, deadLetters } = mapped;
    const files: PartialFile[] = [];
    const linesOf = (all: readonly SimRow[], rest: string) =>
      all.map(({ path, row }) => ({ key: rowName(path, row), rest }));
    const linesIn = {
      rows: linesOf(rows, variant),
      scan: linesOf(rows, variant),
      errors: linesOf(deadLetters, "ROW_FAILED"),
      combined:
        job.spec.reduce.sums?.by === undefined
          ? [{ key: String(rows.length), rest: variant }]
          : linesOf(rows, variant),
      sample: [],
      folders: [],
    } satisfies Record<PlannedPartialFile["kind"], readonly Line[]>;
    const layout = partialLayout(partialShape(job.spec), { hasDeadLetters: deadLetters.length > 0 });
    for (const file of layout) {
      signal.throwIfAborted();
      files.push(await this.#put(sink, file, linesIn[file.kind]));
    }
    return files;
  }

  async #put(
    sink: PartialSink,
    { kind, name }: Pick<PartialFile, "kind" | "name">,
    lines: readonly Line[],
  ): Promise<PartialFile> {
    const bytes = encodeLines(lines);
    await this.#writeNew(join(sink.path, name), bytes);
    return { kind, name, rows: lines.length, bytes: bytes.length, sha256: sha256(bytes) };
  }

  async #writeNew(path: string, bytes: Buffer): Promise<void> {
    const { disk } = this.#options;
    await asStorageErrors("write", path, async () => {
      const file = await disk.open(path, "wx");
      await file.write(bytes);
      await file.close();
    });
  }
}

interface SimRow {
  readonly path: string;
  readonly row: number;
}

interface Mapped {
  /** Rows of the output. */
  readonly rows: SimRow[];
  /** Numbers of input rows that reached the output, and that a step dropped. */
  mapped: number;
  filtered: number;
  /** Number of truncated rows among the mapped ones. */
  truncated: number;
  readonly deadLetters: SimRow[];
}

function addParts(
  mapped: Mapped,
  row: SimRow,
  { parts, isTruncated }: { readonly parts: number; readonly isTruncated: boolean },
): void {
  if (parts === 0) mapped.filtered += 1;
  else {
    mapped.mapped += 1;
    if (isTruncated) mapped.truncated += 1;
  }
  for (let part = 0; part < parts; part += 1) mapped.rows.push(row);
}

/** Returns the rows of a lease's slices, as a worker reads them. */
function rowsOf({ slices }: Lease): SimRow[] {
  return slices.flatMap(({ file: { path }, rowStart, rowEnd }) =>
    Array.from({ length: rowEnd - rowStart }, (_, index) => ({ path, row: rowStart + index })),
  );
}

function manifestOf(
  lease: Lease,
  executionId: ExecutionId,
  { rows, mapped, filtered, truncated, deadLetters }: Mapped,
  files: readonly PartialFile[],
): PartialManifest {
  const [first] = deadLetters;
  const place = {
    stage: "infer",
    code: "ROW_FAILED",
    message: "it cannot be mapped",
  } as const;
  return {
    shard: lease.shard.id,
    token: lease.token,
    executionId,
    ...NO_ROWS,
    rowsIn: mapped + filtered + deadLetters.length,
    rowsMapped: mapped,
    rowsFiltered: filtered,
    rowsOut: rows.length,
    rowsTruncated: truncated,
    rowsDeadLettered: deadLetters.length,
    firstDeadLetter: first === undefined ? null : { ...place, file: first.path, row: first.row },
    files,
    digest: partialDigest(files),
  };
}
