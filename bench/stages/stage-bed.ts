import type { RecordBatch, Schema } from "apache-arrow";
import { planJob } from "../../coordinator/plan/plan-job.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { rowShapeOf } from "../../shared/domain/row-shape.ts";
import { readJobFile } from "../../shared/job-file/read-job-file.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { type ByteSource, byteSource } from "../../shared/storage/storage.ts";
import type { Batch } from "../../worker/batch/batch.ts";
import { cutBatches } from "../../worker/batch/batcher.ts";
import { boundsOf, leastBound, rowsInMemory } from "../../worker/batch/bounds.ts";
import { cutUnevenBatches } from "../../worker/batch/uneven-batcher.ts";
import { InputChunk } from "../../worker/tensorize/input-chunk.ts";
import type { TensorWorkloadName, Workload } from "../workloads/workload.ts";

/** Approximate batches that runs choose. */
const BATCH = {
  flights: { rows: 8_192, tokens: 0 },
  encoder: { rows: 1_024, tokens: 4_096 },
  vision: { rows: 32, tokens: 0 },
} as const satisfies Record<TensorWorkloadName, { rows: number; tokens: number }>;

interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Plan of a workload, and rows `[0, rows)` of its first file on their way through a shard. */
export class StageBed implements AsyncDisposable {
  readonly map: MapBinding;
  readonly path: string;
  readonly slices: readonly LeaseSlice[];
  readonly rows: number;
  readonly schema: Schema;
  /** Ranges that the reader requested from its store. */
  readonly ranges: ByteRange[];
  readonly #name: TensorWorkloadName;
  readonly #file: DatasetFile;
  readonly #bytes: number;
  readonly #close: () => Promise<void>;

  private constructor(
    name: TensorWorkloadName,
    parts: {
      map: MapBinding;
      rows: number;
      file: DatasetFile;
      planned: InputFile;
      bytes: number;
      ranges: ByteRange[];
      close: () => Promise<void>;
    },
  ) {
    this.#name = name;
    this.map = parts.map;
    this.rows = Math.min(parts.rows, parts.file.rows);
    this.path = parts.file.path;
    this.slices = [{ file: parts.planned, rowStart: 0, rowEnd: this.rows }];
    this.schema = parts.file.schema;
    this.#file = parts.file;
    this.#bytes = parts.bytes;
    this.ranges = parts.ranges;
    this.#close = parts.close;
  }

  static async open(workload: Workload<TensorWorkloadName>, rows: number): Promise<StageBed> {
    const spec = await readJobFile(workload.jobPath, { set: [], env: process.env });
    const { map, dataset } = await planJob(spec, { signal: new AbortController().signal });
    const planned = present(dataset.files[0], "a dataset has a file");
    const { path, bytes } = planned;
    const store = createLocalStorage();
    const source = byteSource(store, path, bytes);
    const ranges: ByteRange[] = [];
    const read: ByteSource["read"] = (start, end, signal) => {
      ranges.push({ start, end });
      return source.read(start, end, signal);
    };
    const file = await openDatasetFile({ path, bytes, read }, "parquet", NEVER);
    const close = async () => {
      file[Symbol.dispose]();
      await store[Symbol.asyncDispose]();
    };
    return new StageBed(workload.name, { map, rows, file, planned, bytes, ranges, close });
  }

  /** Runs the stage `decode`: from the file's bytes to record batches. */
  async decode(): Promise<readonly RecordBatch[]> {
    this.ranges.length = 0;
    const batches: RecordBatch[] = [];
    const { columns } = this.map;
    for await (const batch of this.#file.read({ rowStart: 0, rowEnd: this.rows, columns, signal: NEVER }))
      batches.push(batch);
    // A small file arrives whole with its footer.
    if (this.ranges.length === 0) this.ranges.push({ start: 0, end: this.#bytes });
    return batches;
  }

  chunks(batches: readonly RecordBatch[]): readonly InputChunk[] {
    let fileRow = 0;
    return batches.map((batch) => {
      const chunk = new InputChunk(batch, fileRow, this.map.inputs);
      fileRow += chunk.rows;
      return chunk;
    });
  }

  /** Cuts the rows into batches, as lanes receive them. */
  async cut(chunks: readonly InputChunk[]): Promise<readonly Batch[]> {
    const { rows, tokens } = BATCH[this.#name];
    const source = (async function* () {
      yield* chunks;
    })();
    const uneven = rowShapeOf(this.map) !== "even";
    const limits = {
      fixedRows: this.map.fixedBatchRows,
      rows,
      tokens,
      memoryRows: rowsInMemory(this.map),
      shardRows: null,
      failed: null,
      measured: null,
    };
    const batches: Batch[] = [];
    const cutting = uneven
      ? cutUnevenBatches(source, { mostRows: (length) => leastBound(boundsOf(limits, length)).rows })
      : cutBatches(source, () => rows);
    for await (const batch of cutting) batches.push(batch);
    return batches;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
