import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Int64, makeData, type Table } from "apache-arrow";
import { stringify } from "yaml";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { mlpModel } from "./onnx-model.ts";
import { embeddings, tableOf } from "./sample-table.ts";

/** Number of values in a row's `x`, and of inputs of the model. */
export const WIDTH = 4;

export interface JobFolderOptions {
  readonly files?: number;
  readonly rowsPerFile?: number;
  /** Number of rows in a row group, and so in a shard. */
  readonly groupRows?: number;
  /** Top-level keys that replace those of the default job file: `{ map: { keep: ["id"] } }`. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

/**
 * A small job in a temporary folder: `data/part-N.parquet` (`id` int64, `x` float32[4]), `model.onnx`
 * (`input` -> three `logits`), `job.yaml`, and the output in `out`. It is valid. A test breaks one part of
 * it.
 */
export class JobFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(options: JobFolderOptions = {}): Promise<JobFolder> {
    const { files = 2, rowsPerFile = 200, groupRows = 50, spec = {} } = options;
    const folder = new JobFolder(await mkdtemp(join(tmpdir(), "shardmill-test-")));
    await folder.write("model.onnx", mlpModel({ inputs: WIDTH, hidden: 8, outputs: 3 }));
    for (let file = 0; file < files; file += 1) {
      await folder.writeData(
        `data/part-${file}.parquet`,
        numberedRows(file * rowsPerFile, rowsPerFile),
        groupRows,
      );
    }
    await folder.writeJob(spec);
    return folder;
  }

  get job(): string {
    return this.at("job.yaml");
  }

  get out(): string {
    return this.at("out");
  }

  at(name: string): string {
    return join(this.path, name);
  }

  async write(name: string, content: string | Uint8Array): Promise<string> {
    await mkdir(dirname(this.at(name)), { recursive: true });
    await writeFile(this.at(name), content);
    return this.at(name);
  }

  writeData(name: string, table: Table, groupRows = 50): Promise<string> {
    return this.write(name, encodeParquet(table, { rowGroupRows: groupRows }));
  }

  /** Writes the job file with these top-level keys in place of the default ones. */
  writeJob(spec: Readonly<Record<string, unknown>>): Promise<string> {
    return this.write("job.yaml", stringify({ ...USUAL_JOB, ...spec }));
  }

  /** Returns the sorted names in the output folder, or null without one. */
  async outNames(): Promise<string[] | null> {
    const names = await readdir(this.out, { recursive: true }).catch(() => null);
    return names === null ? null : names.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Returns rows with `id` from `first` on, and an `x` for each. */
export function numberedRows(first: number, rows: number): Table {
  const ids = BigInt64Array.from({ length: rows }, (_, row) => BigInt(first + row));
  return tableOf({ id: makeData({ type: new Int64(), data: ids }), x: embeddings(rows, WIDTH) });
}

export const USUAL_JOB = {
  name: "small",
  input: { path: "./data", shardRows: 50 },
  model: { path: "./model.onnx", device: "cpu" },
  map: {
    inputs: { input: "x" },
    outputs: { best: { tensor: "logits", op: "argmax" } },
    keep: ["id"],
    batch: { rows: 32 },
  },
  reduce: {
    counts: {
      combine: "SELECT best, count(*) AS n FROM rows GROUP BY best",
      final: "SELECT best, sum(n)::BIGINT AS n FROM partials GROUP BY best ORDER BY best",
    },
  },
  output: { path: "./out" },
} as const;
