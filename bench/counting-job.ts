import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Float32, Int64, makeData } from "apache-arrow";
import { stringify } from "yaml";
import { encodeParquet } from "../shared/dataset/encode.ts";
import type { JobSpec } from "../shared/domain/job-spec.ts";
import { readJobSource } from "../shared/spec/read-job-file.ts";
import { mlpModel } from "../test/support/onnx-model.ts";
import { tableOf } from "../test/support/sample-table.ts";

export interface CountingJobOptions {
  readonly shards: number;
  readonly shardRows?: number;
  /** Where input and output lie: a disk, or memory (`/dev/shm`). */
  readonly folder?: string;
}

/** Rows of a row group where shards are small: a group that is read for each of its shards costs nothing here. */
const GROUP_ROWS = 10_000;

/**
 * A job that counts its rows, for benches of everything but inference: its partials are real, and as small as they get.
 * Its right answer is the number of its rows.
 */
export class CountingJob implements AsyncDisposable {
  readonly folder: string;
  readonly rows: number;

  private constructor(folder: string, rows: number) {
    this.folder = folder;
    this.rows = rows;
  }

  static async make({ shards, shardRows = 1, folder = tmpdir() }: CountingJobOptions): Promise<CountingJob> {
    const rows = shards * shardRows;
    const job = new CountingJob(await mkdtemp(join(folder, "shardmill-bench-")), rows);
    await mkdir(job.#at("data"));
    const table = tableOf({
      id: makeData({
        type: new Int64(),
        data: BigInt64Array.from({ length: rows }, (_, row) => BigInt(row)),
      }),
      x: makeData({ type: new Float32(), data: new Float32Array(rows) }),
    });
    const rowGroupRows = Math.max(1, Math.floor(GROUP_ROWS / shardRows)) * shardRows;
    await writeFile(job.#at("data/part-0.parquet"), encodeParquet(table, { rowGroupRows }));
    await writeFile(job.#at("model.onnx"), mlpModel({ inputs: 1, hidden: 2, outputs: 2 }));
    await writeFile(job.path, stringify(specOf(shardRows)));
    return job;
  }

  get path(): string {
    return this.#at("job.yaml");
  }

  get out(): string {
    return this.#at("out");
  }

  async spec(): Promise<JobSpec> {
    return (await readJobSource(this.path, { set: [], env: {} })).spec;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  #at(name: string): string {
    return join(this.folder, name);
  }
}

function specOf(shardRows: number): Record<string, unknown> {
  return {
    name: "counting",
    input: { path: "./data", shardRows },
    model: { path: "./model.onnx", device: "cpu" },
    map: {
      inputs: { input: { columns: "x" } },
      outputs: { class: { tensor: "logits", op: "argmax" } },
      keep: ["id"],
      batch: { rows: 16 },
    },
    reduce: {
      rows: {
        combine: "SELECT count(*) AS n FROM rows",
        final: "SELECT sum(n)::BIGINT AS n FROM partials",
      },
    },
    output: { path: "./out", rows: "none" },
  };
}
