import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Int64, makeData } from "apache-arrow";
import { sleep } from "../shared/core/abort.ts";
import { encodeParquet } from "../shared/dataset/encode.ts";
import type { JobDescription, Lease } from "../shared/domain/job.ts";
import { type PartialFile, type PartialManifest, partialFolder } from "../shared/domain/partial.ts";
import { partialDigest } from "../shared/domain/partial-digest.ts";
import { shardRows } from "../shared/domain/shard.ts";
import { tableOf } from "../test/support/sample-table.ts";
import type { ShardRunner } from "../worker/lease/attempt.ts";

export interface SleepyRunnerOptions {
  readonly describeJob: (lease: Lease) => Promise<JobDescription>;
  /** How long a shard takes; those of one worker run one after another, as on one device. */
  readonly shardMs: (lease: Lease) => number;
}

/** How often the progress of a shard moves. */
const STEPS = 10;

/** Runs the shards of a counting job as a device would that needs so long for each: waits, then writes a real partial. */
export class SleepyRunner implements ShardRunner {
  readonly #options: SleepyRunnerOptions;
  #before: Promise<unknown> = Promise.resolve();
  #partialsPath: Promise<string> | null = null;

  constructor(options: SleepyRunnerOptions) {
    this.#options = options;
  }

  run(
    lease: Lease,
    executionId: string,
    options: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest> {
    const turn = this.#before.then(() => this.#run(lease, executionId, options));
    this.#before = turn.catch(() => {});
    return turn;
  }

  async #run(
    lease: Lease,
    executionId: string,
    { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest> {
    const rows = shardRows(lease.shard);
    const stepMs = this.#options.shardMs(lease) / STEPS;
    signal.throwIfAborted();
    for (let step = 1; step <= STEPS && stepMs > 0; step += 1) {
      await sleep(stepMs, signal);
      onProgress(Math.floor((rows * step) / STEPS));
    }
    this.#partialsPath ??= this.#options.describeJob(lease).then((job) => job.partialsPath);
    this.#partialsPath.catch(() => {
      this.#partialsPath = null;
    });
    return await writePartial(await this.#partialsPath, lease, executionId, rows);
  }
}

async function writePartial(
  partialsPath: string,
  { shard, token }: Lease,
  executionId: string,
  rows: number,
): Promise<PartialManifest> {
  const { bytes, file } = countFile(rows);
  const name = { shard: shard.id, token, executionId };
  const folder = join(partialsPath, partialFolder(name));
  await mkdir(folder);
  await writeFile(join(folder, file.name), bytes);
  const counts = { rowsIn: rows, rowsOut: rows, rowsDead: 0, firstDead: null };
  return { ...name, ...counts, files: [file], digest: partialDigest([file]) };
}

const counted = new Map<number, { readonly bytes: Uint8Array; readonly file: PartialFile }>();

/** The combined table of a shard of so many rows: all such shards have the same. */
function countFile(rows: number) {
  const known = counted.get(rows);
  if (known !== undefined) return known;
  const bytes = encodeParquet(
    tableOf({ n: makeData({ type: new Int64(), data: BigInt64Array.of(BigInt(rows)) }) }),
  );
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const file: PartialFile = {
    kind: "combined",
    name: "combined-rows.parquet",
    rows: 1,
    bytes: bytes.length,
    sha256,
  };
  counted.set(rows, { bytes, file });
  return { bytes, file };
}
