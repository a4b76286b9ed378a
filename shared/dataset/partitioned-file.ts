import { type RecordBatch, Schema } from "apache-arrow";
import { present } from "../core/assert.ts";
import type { Digest } from "../core/digest.ts";
import type { RowGroupStatistics } from "../domain/column-statistics.ts";
import {
  type DatasetFormat,
  type Field,
  isTableFormat,
  type PartitionValue,
  type RowGroup,
} from "../domain/dataset.ts";
import { partitionStatistics } from "../domain/partition.ts";
import { constantColumn, constantField } from "./constant-column.ts";
import type { DatasetFile, ReadOptions } from "./dataset-file.ts";
import { columnData, recordBatchOf } from "./record-batch.ts";

/** Rows of a batch when no column of the file itself is read. */
const CONSTANT_ROWS = 65_536;

/** Wraps a file to append its folders' values as columns. The new file disposes of the given one. */
export function withPartitions(file: DatasetFile, partitions: readonly PartitionValue[]): DatasetFile {
  return new PartitionedFile(file, partitions);
}

class PartitionedFile implements DatasetFile {
  readonly schema: Schema;
  readonly #file: DatasetFile;
  readonly #partitions: ReadonlyMap<string, PartitionValue>;

  constructor(file: DatasetFile, partitions: readonly PartitionValue[]) {
    const { fields, metadata } = file.schema;
    this.schema = new Schema([...fields, ...partitions.map(constantField)], metadata);
    this.#file = file;
    this.#partitions = new Map(partitions.map((partition) => [partition.name, partition]));
  }

  get path(): string {
    return this.#file.path;
  }

  get format(): DatasetFormat {
    return this.#file.format;
  }

  get rows(): number {
    return this.#file.rows;
  }

  get rowGroups(): readonly RowGroup[] {
    return this.#file.rowGroups;
  }

  get footerSha256(): Digest {
    return this.#file.footerSha256;
  }

  statistics(fields: readonly Field[]): readonly RowGroupStatistics[] {
    const own = this.#file.statistics(fields.filter(({ name }) => !this.#partitions.has(name)));
    const requested = fields.flatMap(({ name }) => this.#partitions.get(name) ?? []);
    return this.rowGroups.map(({ rows }, group) => ({
      ...own?.[group],
      ...partitionStatistics(requested, rows),
    }));
  }

  async *read(options: ReadOptions): AsyncGenerator<RecordBatch> {
    const { columns } = options;
    const own = columns.filter((name) => !this.#partitions.has(name));
    if (own.length === 0) {
      yield* this.#constants(options);
      return;
    }
    let read: Schema | null = null;
    let schema = this.schema;
    for await (const batch of this.#file.read({ ...options, columns: own })) {
      if (batch.schema !== read) schema = this.#schemaOf(columns, batch.schema);
      read = batch.schema;
      const children = columns.map((name) => {
        const partition = this.#partitions.get(name);
        return partition === undefined
          ? columnData(batch, name)
          : constantColumn(partition, batch.numRows, this.path);
      });
      yield recordBatchOf(schema, batch.numRows, children);
    }
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #schemaOf(columns: readonly string[], own: Schema): Schema {
    const fields = new Map(own.fields.map((field) => [field.name, field]));
    for (const partition of this.#partitions.values()) fields.set(partition.name, constantField(partition));
    return new Schema(
      columns.map((name) => present(fields.get(name), "a column that was read has a field")),
      own.metadata,
    );
  }

  /**
   * Yields rows of partition columns only. The file itself is read only in formats that may have single bad
   * rows, to find them. All are found at once, because each read of a packed file begins at its start.
   */
  async *#constants(options: ReadOptions): AsyncGenerator<RecordBatch> {
    const { rowStart, rowEnd, columns, signal } = options;
    if (!isTableFormat(this.format))
      for await (const _ of this.#file.read({ ...options, columns: [] })) signal.throwIfAborted();
    const requested = columns.flatMap((name) => this.#partitions.get(name) ?? []);
    const schema = new Schema(requested.map(constantField));
    for (let row = rowStart; row < rowEnd; row += CONSTANT_ROWS) {
      signal.throwIfAborted();
      const rows = Math.min(CONSTANT_ROWS, rowEnd - row);
      const children = requested.map((partition) => constantColumn(partition, rows, this.path));
      yield recordBatchOf(schema, rows, children);
    }
  }
}
