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

/** What one thread does over and over, in steps: a batch, a row group, a file. */
export interface LoopWork {
  readonly rows: number;
  readonly steps: readonly (() => Promise<void>)[];
}

/** One stage, with everything that it needs already in memory. */
interface LoopStage {
  /** What the thread does from now on; infer takes another batching each time. */
  work(batching: LoopBatching): LoopWork;
}

type LoopStageName = "infer" | "decode" | "prepare" | "encode";

export interface LoopOptions {
  readonly stage: LoopStageName;
  readonly workload: Workload;
  /** Which share of the work this thread has. */
  readonly lane: number;
  readonly lanes: number;
  /** Intra-op threads of a session. */
  readonly threads: number;
  /** Of all rows, so many at most are held in memory, by all threads together. */
  readonly mostRows: number;
  /** The files that a run of the job published, for the encode loop. */
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

/** `session.run` over tensors in memory, and nothing else. The session is made as a lane makes it. */
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

/** Row groups from the page cache to Arrow columns by parquet-wasm, as its documentation shows. */
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

/** Cells in memory to values, by the libraries alone: that of texts has threads of its own for each call. */
async function openPrepare(options: LoopOptions): Promise<LoopStage> {
  const { cells, prepare } = await readLoopCells(options);
  const steps = Array.from({ length: Math.ceil(cells.length / CELLS_AT_ONCE) }, (_, step) => async () => {
    await prepare(cells.slice(step * CELLS_AT_ONCE, (step + 1) * CELLS_AT_ONCE));
  });
  return { work: () => ({ rows: cells.length, steps }) };
}

/** Many enough for a library that works on texts side by side, and pictures in a second or two. */
const CELLS_AT_ONCE = 256;

/** Tables of a published file's rows to Parquet. */
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

/** Of a run's output, so many files a thread are held in memory. */
const ENCODED_FILES = 4;
