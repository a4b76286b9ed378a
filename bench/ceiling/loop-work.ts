import { openAsBlob } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Table, tableFromIPC } from "apache-arrow";
import * as parquet from "parquet-wasm";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { createSession } from "../../shared/onnx/session.ts";
import type { Workload } from "../workloads/workload.ts";
import { readLoopCells } from "./loop-cells.ts";
import { type LoopBatching, readLoopRows } from "./loop-rows.ts";

/** Repeated work of one thread, in steps: a batch, a row group, a file. */
export interface LoopWork {
  readonly rows: number;
  readonly steps: readonly (() => Promise<void>)[];
}

/** Stage with everything that it needs already in memory. */
interface LoopStage {
  /** Returns the thread's work. Only infer uses the batching. */
  work(batching: LoopBatching): LoopWork;
}

type LoopStageName = "infer" | "decode" | "prepare" | "encode";

export interface LoopOptions {
  readonly stage: LoopStageName;
  readonly workload: Workload;
  /** Index of this thread's share of the work. */
  readonly lane: number;
  readonly lanes: number;
  /** Intra-op threads of a session. */
  readonly threads: number;
  /** Limit of rows in memory, for all threads together. */
  readonly mostRows: number;
  /** Files that a run of the job published, for the encode loop. */
  readonly outputPaths: readonly string[];
}

export function openLoopStage(options: LoopOptions): Promise<LoopStage> {
  switch (options.stage) {
    case "infer":
      return openInfer(options);
    case "decode":
      return openDecode(options);
    case "prepare":
      return openPrepare(options);
    case "encode":
      return openEncode(options);
  }
}

/** Opens a loop of `session.run` over tensors in memory. Makes the session as a lane does. */
async function openInfer(options: LoopOptions): Promise<LoopStage> {
  const { workload, threads } = options;
  const session = await createSession(workload.modelPath, { device: "cpu", threads });
  const rows = await readLoopRows(options);
  const outputs = [...new Set(workload.outputs.map(({ tensor }) => tensor))];
  return {
    work: (batching) => ({
      rows: rows.count,
      steps: rows.batches(batching).map(({ feeds }) => async () => {
        await session.run(feeds, outputs);
      }),
    }),
  };
}

/** Opens a loop that decodes row groups from the page cache to Arrow, as parquet-wasm documents it. */
async function openDecode({ workload, lane, lanes }: LoopOptions): Promise<LoopStage> {
  const columns = [
    ...new Set([workload.key, ...workload.kept, ...workload.inputs.flatMap((input) => input.columns ?? [])]),
  ];
  const names = (await readdir(workload.inputPath)).sort();
  const files = await Promise.all(
    names.map(async (name) => parquet.ParquetFile.fromFile(await openAsBlob(join(workload.inputPath, name)))),
  );
  const groups = files
    .flatMap((file) => {
      const metadata = file.metadata();
      return Array.from({ length: metadata.numRowGroups() }, (_, group) => ({
        file,
        group,
        rows: metadata.rowGroup(group).numRows(),
      }));
    })
    .filter((_, index) => index % lanes === lane);
  const steps = groups.map(({ file, group, rows }) => async () => {
    const table = tableFromIPC((await file.read({ columns, rowGroups: [group] })).intoIPCStream());
    if (table.numRows !== rows) throw new Error(`${table.numRows} of ${rows} rows were decoded`);
  });
  return { work: () => ({ rows: groups.reduce((sum, group) => sum + group.rows, 0), steps }) };
}

/** Opens a loop that prepares cells in memory, by the libraries alone. The text library has own threads. */
async function openPrepare(options: LoopOptions): Promise<LoopStage> {
  const { cells, prepare } = await readLoopCells(options);
  const steps = Array.from({ length: Math.ceil(cells.length / CELLS_AT_ONCE) }, (_, step) => async () => {
    await prepare(cells.slice(step * CELLS_AT_ONCE, (step + 1) * CELLS_AT_ONCE));
  });
  return { work: () => ({ rows: cells.length, steps }) };
}

/** Cells of one call: enough for a concurrent text library, and a second or two of pictures. */
const CELLS_AT_ONCE = 256;

/** Opens a loop that encodes tables of a published file's rows to Parquet. */
async function openEncode({ outputPaths, lane, lanes }: LoopOptions): Promise<LoopStage> {
  const own = outputPaths.filter((_, index) => index % lanes === lane).slice(0, ENCODED_FILES);
  const tables: Table[] = [];
  for (const path of own) {
    tables.push(tableFromIPC(parquet.readParquet(await readFile(path)).intoIPCStream()));
  }
  const steps = tables.map((table) => async () => {
    encodeParquet(table);
  });
  return { work: () => ({ rows: tables.reduce((sum, table) => sum + table.numRows, 0), steps }) };
}

/** Limit of a run's output files that a thread holds in memory. */
const ENCODED_FILES = 4;
