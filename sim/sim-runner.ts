import { join } from "node:path";
import { workPaths } from "../coordinator/publish/work-paths.ts";
import { sleep } from "../shared/core/abort.ts";
import type { TimedClock } from "../shared/core/clock.ts";
import { sha256 } from "../shared/core/digest.ts";
import type { Disk } from "../shared/core/disk.ts";
import { ShardmillError } from "../shared/core/errors.ts";
import type { Lease } from "../shared/domain/job.ts";
import { type PartialFile, type PartialManifest, partialFolder } from "../shared/domain/partial.ts";
import { partialDigest } from "../shared/domain/partial-digest.ts";
import type { ShardRunner } from "../worker/lease/attempt.ts";
import { asStoreError, openSharedSink, type PartialSink } from "../worker/shard/partial-sink.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { encodeLines, type Line } from "./sim-files.ts";
import { OUT, rowName, type SimJob } from "./sim-plan.ts";

export interface SimRunnerOptions {
  readonly job: SimJob;
  readonly clock: TimedClock;
  readonly disk: Disk;
  readonly random: SeededRandom;
  readonly rowMs: number;
  /** The model breaks in this attempt. */
  readonly breaks: () => boolean;
  /** A row that no process survives. */
  readonly die: (why: string) => void;
}

const NEVER = new Promise<never>(() => {});

/** Maps the rows of a shard in simulated time and leaves a partial on the simulated disk, through the real sink. */
export class SimRunner implements ShardRunner {
  readonly #options: SimRunnerOptions;

  constructor(options: SimRunnerOptions) {
    this.#options = options;
  }

  async run(
    lease: Lease,
    executionId: string,
    calls: Parameters<ShardRunner["run"]>[2],
  ): Promise<PartialManifest> {
    const { disk, random } = this.#options;
    const { signal } = calls;
    const mapped = await this.#map(lease, calls);
    const variant = `v${random.int(0, 99)}`;
    const folder = partialFolder({ shard: lease.shard.id, token: lease.token, executionId });
    const sink = await openSharedSink(workPaths(OUT).partials, folder, disk);
    try {
      const files = await this.#write(mapped, variant, sink, signal);
      await sink.seal(
        files.map(({ name }) => name),
        signal,
      );
      signal.throwIfAborted();
      return manifestOf(lease, executionId, mapped, files);
    } catch (error) {
      await sink.discard().catch(() => {});
      throw error;
    }
  }

  async #map(lease: Lease, { signal, onProgress }: Parameters<ShardRunner["run"]>[2]): Promise<Mapped> {
    const { job, clock, random, rowMs, breaks, die } = this.#options;
    const { rowStart, rowEnd } = lease.shard;
    const mapped: Mapped = { rows: [], dead: [] };
    const breakingAt = breaks() ? random.int(rowStart, rowEnd) - rowStart : -1;
    for (const [index, row] of rowsOf(lease).entries()) {
      await sleep(rowMs * random.between(0.5, 1.5), signal, clock);
      const name = rowName(row.path, row.row);
      if (job.poison.has(name)) {
        die(`shard ${lease.shard.id} has poison in row ${name}`);
        return await NEVER;
      }
      if (index === breakingAt) throw new ShardmillError("MODEL_FAILED", "the simulated model broke");
      if (job.failing.has(name)) mapped.dead.push(row);
      else mapped.rows.push(row);
      onProgress(index + 1);
    }
    return mapped;
  }

  async #write(
    mapped: Mapped,
    variant: string,
    sink: PartialSink,
    signal: AbortSignal,
  ): Promise<PartialFile[]> {
    const { rows, dead } = mapped;
    const files: PartialFile[] = [];
    const put = async (kind: PartialFile["kind"], name: string, lines: readonly Line[]) => {
      signal.throwIfAborted();
      const bytes = encodeLines(lines);
      await this.#writeNew(join(sink.path, name), bytes);
      files.push({ kind, name, rows: lines.length, bytes: bytes.length, sha256: sha256(bytes) });
    };
    const linesOf = (all: readonly SimRow[], rest: string) =>
      all.map(({ path, row }) => ({ key: rowName(path, row), rest }));
    await put("rows", "rows.parquet", linesOf(rows, variant));
    if (dead.length > 0) await put("dead", "dead.parquet", linesOf(dead, "ROW_FAILED"));
    for (const [name, { combine }] of Object.entries(this.#options.job.spec.reduce)) {
      const combined = [{ key: String(rows.length), rest: variant }];
      if (combine !== undefined) await put("combined", `combined-${name}.parquet`, combined);
    }
    return files;
  }

  async #writeNew(path: string, bytes: Buffer): Promise<void> {
    const { disk } = this.#options;
    await asStoreError(path, async () => {
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
  readonly rows: SimRow[];
  readonly dead: SimRow[];
}

/** As a worker knows them: by the slices of its lease. */
function rowsOf({ slices }: Lease): SimRow[] {
  return slices.flatMap(({ file: { path }, rowStart, rowEnd }) =>
    Array.from({ length: rowEnd - rowStart }, (_, index) => ({ path, row: rowStart + index })),
  );
}

function manifestOf(
  lease: Lease,
  executionId: string,
  { rows, dead }: Mapped,
  files: readonly PartialFile[],
): PartialManifest {
  const [first] = dead;
  const place = {
    stage: "infer",
    code: "ROW_FAILED",
    message: "it cannot be mapped",
  } as const;
  return {
    shard: lease.shard.id,
    token: lease.token,
    executionId,
    rowsIn: rows.length + dead.length,
    rowsOut: rows.length,
    rowsDead: dead.length,
    firstDead: first === undefined ? null : { ...place, file: first.path, row: first.row },
    files,
    digest: partialDigest(files),
  };
}
