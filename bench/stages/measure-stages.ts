import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { RecordBatch } from "apache-arrow";
import { NEVER } from "../../shared/core/abort.ts";
import { sha256 } from "../../shared/core/digest.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { streamParquet } from "../../shared/dataset/stream-parquet.ts";
import { parseLocation, viaCoordinator } from "../../shared/domain/location.ts";
import { product, type TensorData } from "../../shared/domain/tensor.ts";
import { lcg } from "../../test/support/onnx-model.ts";
import { type Batch, buildFeeds } from "../../worker/batch/batch.ts";
import type { BatchOutcome } from "../../worker/batch/batch-runner.ts";
import { BufferPool } from "../../worker/batch/buffer-pool.ts";
import { Collector, type ShardResult } from "../../worker/collect/collector.ts";
import { buffersOf } from "../../worker/lanes/lane-protocol.ts";
import type { InputChunk } from "../../worker/tensorize/input-chunk.ts";
import { median } from "../report/report.ts";
import type { TensorWorkloadName, Workload } from "../workloads/workload.ts";
import { withCoordinatorStorage } from "./range-reads.ts";
import { StageBed } from "./stage-bed.ts";

/** One stage of one workload, alone on one thread. */
export interface MeasuredStage {
  readonly stage: string;
  readonly rowsPerSecond: number;
  /** Bytes that pass through the stage: its input for decode, hash and range reads, else its output. */
  readonly bytesPerRow: number;
  /** Bytes that are copied in memory, unchanged or cast. */
  readonly copiedPerRow: number;
}

interface StageOptions {
  readonly rows: number;
  /** Seconds for which each stage is repeated. */
  readonly seconds: number;
}

/** Repeated pass: `work` is timed, and `prepare` makes its fresh input beforehand. */
interface Pass<Input, Result> {
  readonly prepare?: () => Promise<Input>;
  readonly work: (input: Input) => Promise<Result>;
  readonly sizes: (result: Result) => Sizes;
}

interface Sizes {
  readonly bytes: number;
  readonly copied: number;
}

/** Measures the stages of a worker one after the other, each with its input ready. */
export async function measureStages(
  workload: Workload<TensorWorkloadName>,
  { rows, seconds }: StageOptions,
): Promise<readonly MeasuredStage[]> {
  await using bed = await StageBed.open(workload, rows);
  const stages: MeasuredStage[] = [];
  const measure = async <Input, Result>(stage: string, pass: Pass<Input, Result>): Promise<Result> => {
    const { ms, result } = await repeat(pass, seconds);
    const { bytes, copied } = pass.sizes(result);
    const rowsPerSecond = bed.rows / (ms / 1000);
    stages.push({ stage, rowsPerSecond, bytesPerRow: bytes / bed.rows, copiedPerRow: copied / bed.rows });
    return result;
  };
  const batches = await measure("read and decode", {
    work: () => bed.decode(),
    sizes: (decoded) => decodeSizes(bed, decoded),
  });
  await measure("tensorize", tensorizing(bed, batches));
  await using echo = await Echo.start();
  await measure("transfer", transferring(bed, batches, echo));
  const { rows: table } = await measure("collect", collecting(bed, batches));
  const file = await measure("encode", {
    work: () => encode(table),
    // Copied into an Arrow stream, into the encoder's memory, and out of it as the file.
    sizes: (encoded) => ({ bytes: encoded.length, copied: 2 * sizeOf(table.batches) + encoded.length }),
  });
  await measure("hash", {
    work: async () => sha256(file),
    sizes: () => ({ bytes: file.length, copied: 0 }),
  });
  await withCoordinatorStorage(workload, (storage) =>
    measure("range reads over gRPC", {
      work: async () => {
        const far = viaCoordinator(parseLocation(bed.path));
        for (const { start, end } of bed.ranges) await storage.read(far, start, end, { signal: NEVER });
      },
      // Two copies at the coordinator: file to chunk, chunk to message. Two at the worker: frames to message,
      // message to range.
      sizes: () => ({ bytes: fileBytes(bed), copied: 4 * fileBytes(bed) }),
    }),
  );
  return stages;
}

/** Returns the median time of as many passes as fit, after one uncounted pass. */
async function repeat<Input, Result>(
  { prepare, work }: Pass<Input, Result>,
  seconds: number,
): Promise<{ ms: number; result: Result }> {
  const input = async () => (await prepare?.()) as Input;
  let result = await work(await input());
  const taken: number[] = [];
  const startMs = performance.now();
  while (taken.length < LEAST_PASSES || performance.now() - startMs < seconds * 1000) {
    const given = await input();
    const passMs = performance.now();
    result = await work(given);
    taken.push(performance.now() - passMs);
  }
  return { ms: median(taken), result };
}

const LEAST_PASSES = 3;

/**
 * Returns the bytes of a decode. The file is copied into a buffer and into the decoder, and decoded bytes out
 * of the decoder.
 */
function decodeSizes(bed: StageBed, decoded: readonly RecordBatch[]): Sizes {
  const bytes = fileBytes(bed);
  return { bytes, copied: 2 * bytes + sizeOf(decoded) };
}

function fileBytes({ ranges }: StageBed): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

function sizeOf(batches: readonly RecordBatch[]): number {
  return batches.reduce((sum, batch) => sum + batch.data.byteLength, 0);
}

/**
 * Opens the columns, checks them, cuts batches and fills their tensors. Copies each value once from the
 * decoded columns.
 */
function tensorizing(bed: StageBed, decoded: readonly RecordBatch[]): Pass<void, number> {
  const pool = new BufferPool(2 * bed.map.inputs.length);
  return {
    work: async () => {
      let bytes = 0;
      for (const batch of await bed.cut(bed.chunks(decoded))) {
        const feeds = buildFeeds(batch, bed.map, pool);
        for (const { data } of Object.values(feeds)) bytes += data.byteLength;
        pool.give(feeds);
      }
      return bytes;
    },
    sizes: (bytes) => ({ bytes, copied: bytes }),
  };
}

/** Transfers all tensors to another thread and back, one batch after the other. */
function transferring(
  bed: StageBed,
  decoded: readonly RecordBatch[],
  echo: Echo,
): Pass<readonly Feeds[], number> {
  const pool = new BufferPool(0);
  return {
    prepare: async () =>
      (await bed.cut(bed.chunks(decoded))).map((batch) => buildFeeds(batch, bed.map, pool)),
    work: async (all) => {
      let bytes = 0;
      for (const feeds of all) {
        const back = await echo.send(feeds);
        for (const { data } of Object.values(back)) bytes += data.byteLength;
      }
      return bytes;
    },
    sizes: (bytes) => ({ bytes, copied: 0 }),
  };
}

type Feeds = Readonly<Record<string, TensorData>>;

class Echo implements AsyncDisposable {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  static async start(): Promise<Echo> {
    const worker = new Worker(compiledUrl("bench/stages/echo-thread.ts"));
    await once(worker, "online");
    return new Echo(worker);
  }

  async send(feeds: Feeds): Promise<Feeds> {
    this.#worker.postMessage(feeds, buffersOf(feeds));
    const [back] = await once(this.#worker, "message");
    return back;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Collects random floats as a model's output: copies each value, and each kept input value, once. */
function collecting(
  bed: StageBed,
  decoded: readonly RecordBatch[],
): Pass<{ chunks: readonly InputChunk[]; mapped: readonly BatchOutcome[] }, ShardResult> {
  const random = lcg(1);
  const outputsOf = (batch: Batch): Feeds =>
    Object.fromEntries(
      bed.map.outputs.map(({ tensor, rowDims }) => {
        const dims = [batch.rows, ...rowDims];
        const values = Float32Array.from({ length: product(dims) }, () => random() - 0.5);
        return [tensor, { dtype: "float32", dims, data: values.buffer }];
      }),
    );
  return {
    prepare: async () => {
      const chunks = bed.chunks(decoded);
      const batches = await bed.cut(chunks);
      return {
        chunks,
        mapped: batches.map((batch) => ({ kind: "mapped", batch, outputs: outputsOf(batch) })),
      };
    },
    work: async ({ chunks, mapped }) => {
      const { map, schema, slices, rows: shardRows } = bed;
      const collector = new Collector({ map, schema, slices, shardRows });
      for (const chunk of chunks) collector.open(chunk);
      for (const segment of mapped) collector.collect([segment]);
      return collector.finish();
    },
    sizes: ({ rows }) => ({ bytes: sizeOf(rows.batches), copied: sizeOf(rows.batches) }),
  };
}

async function encode(table: ShardResult["rows"]): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of streamParquet(table)) pieces.push(piece);
  return Buffer.concat(pieces);
}
