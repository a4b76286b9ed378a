import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Table } from "apache-arrow";
import { digestFile, sha256 } from "../../shared/core/digest.ts";
import { encodeArrow, encodeParquet } from "../../shared/dataset/encode.ts";
import type { JobDescription, Lease } from "../../shared/domain/job.ts";
import type { PartialFile, PartialFileKind, PartialManifest } from "../../shared/domain/partial.ts";
import { partialDigest } from "../../shared/domain/partial-digest.ts";
import type { BusyMeter } from "./busy-meter.ts";
import type { ShardResult } from "./collect.ts";
import { combineRows, hasCombine } from "./combine.ts";
import { type PartialSink, writeNewFile } from "./partial-sink.ts";

export interface WriteOptions {
  readonly job: Pick<JobDescription, "rowsFormat" | "reduce">;
  readonly lease: Pick<Lease, "shard" | "token">;
  readonly executionId: string;
  readonly sink: PartialSink;
  /** An existing folder of this attempt's own; the caller removes it. */
  readonly scratchPath: string;
  readonly meter: BusyMeter;
  readonly signal: AbortSignal;
}

/**
 * Writes a shard's tables as the files of its partial, runs the combine SQL over the rows, and stores all of it. When it
 * fails, or is aborted, there is no partial.
 *
 * @throws {SQL_INVALID} {SQL_FAILED} {STORE_EXISTS} {STORE_FAILED}
 */
export async function writePartial(result: ShardResult, options: WriteOptions): Promise<PartialManifest> {
  const { lease, executionId, sink, meter, signal } = options;
  try {
    const files = await new PartialWriter(result, options).writeAll();
    const names = files.map(({ name }) => name);
    await meter.timeAsync("store", () => sink.seal(names, signal));
    signal.throwIfAborted();
    return {
      shard: lease.shard.id,
      token: lease.token,
      executionId,
      rowsIn: result.rowsIn,
      rowsOut: result.rowsOut,
      rowsDead: result.rowsDead,
      firstDead: result.firstDead,
      files,
      digest: partialDigest(files),
    };
  } catch (error) {
    // What cannot be removed now goes when the coordinator sweeps; why there is no partial matters more.
    await sink.discard().catch(() => {});
    throw error;
  }
}

class PartialWriter {
  readonly #result: ShardResult;
  readonly #options: WriteOptions;
  readonly #files: PartialFile[] = [];

  constructor(result: ShardResult, options: WriteOptions) {
    this.#result = result;
    this.#options = options;
  }

  async writeAll(): Promise<readonly PartialFile[]> {
    const { rows, dead } = this.#result;
    const { rowsFormat } = this.#options.job;
    if (rowsFormat === "arrow") await this.#write("rows", "rows.arrow", rows, encodeArrow);
    const rowsFolder = await this.#writeParquetRows(rows);
    if (dead !== null) await this.#write("dead", "dead.parquet", dead, encodeParquet);
    if (rowsFolder !== null && hasCombine(this.#options.job.reduce)) await this.#combine(rowsFolder);
    return this.#files;
  }

  /** The rows as Parquet, if anyone reads them so: published, scanned by a final, or combined here. Gives where they are. */
  async #writeParquetRows(rows: Table): Promise<{ readonly folder: string; readonly path: string } | null> {
    const { job, sink, scratchPath, meter, signal } = this.#options;
    const scanned = Object.values(job.reduce).some(({ combine }) => combine === undefined);
    if (job.rowsFormat === "parquet") {
      const path = await this.#write("rows", "rows.parquet", rows, encodeParquet);
      return { folder: sink.path, path };
    }
    if (scanned) {
      const path = await this.#write("scan", "scan.parquet", rows, encodeParquet);
      return { folder: sink.path, path };
    }
    if (!hasCombine(job.reduce)) return null;
    const folder = join(scratchPath, "rows");
    await mkdir(folder);
    const path = join(folder, "rows.parquet");
    const bytes = meter.time("encode", () => encodeParquet(rows));
    await meter.timeAsync("store", () => writeNewFile(path, bytes, signal));
    return { folder, path };
  }

  async #write(
    kind: PartialFileKind,
    name: string,
    table: Table,
    encode: (table: Table) => Uint8Array,
  ): Promise<string> {
    const { sink, meter, signal } = this.#options;
    signal.throwIfAborted();
    const path = join(sink.path, name);
    const bytes = meter.time("encode", () => encode(table));
    await meter.timeAsync("store", () => writeNewFile(path, bytes, signal));
    this.#files.push({ kind, name, rows: table.numRows, bytes: bytes.length, sha256: sha256(bytes) });
    return path;
  }

  async #combine(rows: { readonly folder: string; readonly path: string }): Promise<void> {
    const { job, sink, scratchPath, meter, signal } = this.#options;
    const combined = await meter.timeAsync("encode", () =>
      combineRows({
        reduce: job.reduce,
        rowsPath: rows.path,
        rowsFolder: rows.folder,
        targetFolder: sink.path,
        scratchPath,
        signal,
      }),
    );
    for (const file of combined) {
      const { bytes, sha256: digest } = await digestFile(join(sink.path, file.name), signal);
      this.#files.push({ kind: "combined", name: file.name, rows: file.rows, bytes, sha256: digest });
    }
  }
}
