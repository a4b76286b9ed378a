import { join } from "node:path";
import { NEVER, sleepBy } from "../shared/core/abort.ts";
import { present } from "../shared/core/assert.ts";
import type { TimedClock } from "../shared/core/clock.ts";
import { sha256 } from "../shared/core/digest.ts";
import type { Disk } from "../shared/core/disk.ts";
import { ShardmillError } from "../shared/core/errors.ts";
import type { ExecutionId } from "../shared/domain/execution-id.ts";
import type { Lease } from "../shared/domain/job.ts";
import type { Location } from "../shared/domain/location.ts";
import { type PartialFile, type PartialManifest, partialFolder } from "../shared/domain/partial.ts";
import { partialDigest } from "../shared/domain/partial-digest.ts";
import { type PlannedPartialFile, partialLayout, partialShape } from "../shared/domain/partial-layout.ts";
import { NO_ROWS } from "../shared/domain/row-counts.ts";
import { asStorageErrors } from "../shared/storage/errors.ts";
import { JobsInUse } from "../worker/job/jobs-in-use.ts";
import type { ShardRunner } from "../worker/lease/shard-runner.ts";
import type { PartialSink } from "../worker/write/partial-sink.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { encodeLines, type Line } from "./sim-files.ts";
import { partsOf, rowName, type SimJob } from "./sim-plan.ts";

interface SimRunnerOptions {
  readonly jobs: readonly SimJob[];
  /** Time that a job takes to open, and to close. */
  readonly openMs: number;
  /** Called when an open job is used against the rules. */
  readonly broken: (what: string) => void;
  readonly clock: TimedClock;
  readonly disk: Disk;
  /** Returns the folder of a job's partials, or null when the job has no run. */
  readonly partialsOf: (job: SimJob) => Location | null;
  readonly openSink: (partials: Location, folder: string) => Promise<PartialSink>;
  readonly random: SeededRandom;
  readonly rowMs: number;
  /** Draws whether the model breaks in this attempt. */
  readonly breaks: () => boolean;
  /** Ends the process, for a row that no process survives. */
  readonly die: (why: string) => void;
}

/**
 * An open job of a simulated worker. The rules are those of lanes and threads, which end when they are
 * closed.
 */
class OpenSimJob implements AsyncDisposable {
  readonly job: SimJob;
  /** Partials of the run that it was opened for. A late shard still belongs to that run. */
  readonly partials: Location;
  readonly #options: Pick<SimRunnerOptions, "broken" | "clock" | "openMs">;
  #running = 0;
  #isClosed = false;

  private constructor(job: SimJob, partials: Location, options: SimRunnerOptions) {
    this.job = job;
    this.partials = partials;
    this.#options = options;
  }

  static async open(job: SimJob, options: SimRunnerOptions): Promise<OpenSimJob> {
    const partials = options.partialsOf(job);
    if (partials === null) throw new ShardmillError("JOB_ENDED", "there is no run of the simulated job");
    if (options.openMs > 0) await sleepBy(options.clock, options.openMs, NEVER);
    return new OpenSimJob(job, partials, options);
  }

  memoryBytes(): number {
    return 1;
  }

  async rest(): Promise<void> {
    const { broken } = this.#options;
    if (this.#isClosed) broken("a closed job gives up its threads");
    if (this.#running > 0) broken("a job gives up its threads while a shard runs");
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const { broken } = this.#options;
    if (this.#isClosed) broken("a shard runs on a closed job");
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { broken, clock, openMs } = this.#options;
    if (this.#isClosed) broken("a job is closed twice");
    if (this.#running > 0) broken("a job is closed while a shard runs");
    this.#isClosed = true;
    if (openMs > 0) await sleepBy(clock, openMs / 10, NEVER);
  }
}

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
      open: () => OpenSimJob.open(this.#jobOf(lease), this.#options),
      work: (open) => open.run(() => this.#runOn(open, lease, { executionId, calls })),
      signal: calls.signal,
    });
  }

  #jobOf({ slices }: Lease): SimJob {
    const path = slices[0]?.file.path ?? "";
    return present(
      this.#options.jobs.find(({ data }) => path.startsWith(`${data}/`)),
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
    const { openSink, random } = this.#options;
    const { signal } = calls;
    const mapped = await this.#map(job, lease, calls);
    const variant = `v${random.int(0, 99)}`;
    const folder = partialFolder({ shard: lease.shard.id, token: lease.token, executionId });
    const sink = await openSink(partials, folder);
    try {
      const files = await this.#write(job, mapped, { variant, sink, signal });
      await sink.seal(files, signal);
      signal.throwIfAborted();
      return manifestOf(lease, executionId, mapped, files);
    } catch (error) {
      await sink.discard().catch(() => {});
      throw error;
    }
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
    const put = async ({ kind, name }: PlannedPartialFile, lines: readonly Line[]) => {
      signal.throwIfAborted();
      const bytes = encodeLines(lines);
      await this.#writeNew(join(sink.path, name), bytes);
      files.push({ kind, name, rows: lines.length, bytes: bytes.length, sha256: sha256(bytes) });
    };
    const linesOf = (all: readonly SimRow[], rest: string) =>
      all.map(({ path, row }) => ({ key: rowName(path, row), rest }));
    const linesIn = {
      rows: linesOf(rows, variant),
      scan: linesOf(rows, variant),
      errors: linesOf(deadLetters, "ROW_FAILED"),
      combined: [{ key: String(rows.length), rest: variant }],
    } satisfies Record<PlannedPartialFile["kind"], readonly Line[]>;
    const layout = partialLayout(partialShape(job.spec), { hasDeadLetters: deadLetters.length > 0 });
    for (const file of layout) await put(file, linesIn[file.kind]);
    return files;
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
