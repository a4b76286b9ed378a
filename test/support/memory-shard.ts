import type { RecordBatch, Table } from "apache-arrow";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { shardId } from "../../shared/domain/shard.ts";
import type { BatchShape } from "../../worker/batch/bounds.ts";
import { BufferPool } from "../../worker/batch/buffer-pool.ts";
import type { ShardResult } from "../../worker/collect/collector.ts";
import type { Lanes } from "../../worker/lanes/lanes.ts";
import { BusyMeter } from "../../worker/meter/busy-meter.ts";
import { type MapShardOptions, mapShard } from "../../worker/pipeline/map-shard.ts";
import { anInputFile } from "./builders.ts";

export interface MemoryShard {
  readonly map: MapBinding;
  /** All rows of the shard. Each of its record batches is read as one. */
  readonly table: Table;
  /** Null: the job has no model. */
  readonly infer: Lanes["infer"] | null;
  /** Returns the number of rows in a batch, by its length. */
  readonly nextRows: (length: number | null) => number;
  readonly meter?: BusyMeter;
  /** Steps that prepare the rows. Default: none. */
  readonly steps?: MapShardOptions["steps"];
  readonly lanes?: number;
}

/** Maps a shard in this thread, and records the reports to the sizer. */
export async function mapInMemory({ map, table, infer, nextRows, meter, ...more }: MemoryShard): Promise<{
  readonly result: ShardResult;
  readonly ran: readonly BatchShape[];
  readonly tooBig: readonly BatchShape[];
}> {
  const ran: BatchShape[] = [];
  const tooBig: BatchShape[] = [];
  const rows = { rowStart: 0, rowEnd: table.numRows };
  const sizer = {
    nextRows,
    runRows: null,
    observe: (shape: BatchShape) => ran.push(shape),
    outOfMemory: (shape: BatchShape) => tooBig.push(shape),
  };
  const pool = new BufferPool(8);
  const result = await mapShard({
    job: { map },
    steps: more.steps ?? [],
    lease: {
      shard: { id: shardId(0), ...rows },
      slices: [{ file: anInputFile({ path: "/data/memory.arrow", rows: table.numRows }), ...rows }],
    },
    input: {
      schema: table.schema,
      async *read(): AsyncGenerator<RecordBatch> {
        yield* table.batches;
      },
    },
    model:
      infer === null ? null : { lanes: { count: more.lanes ?? 1, infer }, inFlight: () => 3, sizer, pool },
    meter: meter ?? new BusyMeter(() => 0),
    signal: new AbortController().signal,
    turn: async () => {},
    onRead: () => {},
    onProgress: () => {},
  });
  return { result, ran, tooBig };
}
