import { Field as ArrowField, type RecordBatch, Schema } from "apache-arrow";
import { canonicalJson, type Digest, sha256 } from "../../shared/core/digest.ts";
import type { DatasetFile, ReadOptions } from "../../shared/dataset/dataset-file.ts";
import { gather } from "../../shared/dataset/gather.ts";
import { inputCorrupt } from "../../shared/dataset/input-errors.ts";
import { plainType } from "../../shared/dataset/plain-type.ts";
import { columnData, quickSchema, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { RowGroupStatistics } from "../../shared/domain/column-statistics.ts";
import type { Field, RowGroup } from "../../shared/domain/dataset.ts";
import { type DeletedRows, RowsLeft } from "./op.ts";

/** Data file with only the rows that are not deleted. Disposes of the given one. */
export class UndeletedFile implements DatasetFile {
  readonly path: string;
  readonly format: string;
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroup[];
  readonly footerSha256: Digest;
  readonly #file: DatasetFile;
  readonly #left: RowsLeft;

  /** @throws {INPUT_CORRUPT} when more rows are deleted than the file has */
  constructor(file: DatasetFile, deleted: DeletedRows) {
    if (deleted.last >= file.rows)
      throw inputCorrupt({
        path: file.path,
        where: "deleted rows",
        expected: `rows below ${file.rows}`,
        found: `row ${deleted.last}`,
      });
    this.path = file.path;
    this.format = file.format;
    this.schema = quickSchema(new Schema(file.schema.fields.map(plainField), file.schema.metadata));
    this.rows = file.rows - deleted.rows;
    this.#left = new RowsLeft(deleted);
    this.rowGroups = groupsLeft(file.rowGroups, this.#left);
    this.footerSha256 = sha256(canonicalJson([file.footerSha256, deleted.sha256]));
    this.#file = file;
  }

  /** Bounds hold for the rows that are left, and counts do not. */
  statistics(fields: readonly Field[]): readonly RowGroupStatistics[] | null {
    const found = this.#file.statistics(fields);
    return (
      found?.map((columns, group) => {
        if (this.rowGroups[group]?.rows === this.#file.rowGroups[group]?.rows) return columns;
        const left = Object.entries(columns).map(
          ([name, { least, greatest }]) => [name, { least, greatest, nulls: null }] as const,
        );
        return Object.fromEntries(left);
      }) ?? null
    );
  }

  async *read(options: ReadOptions): AsyncGenerator<RecordBatch> {
    const { rowStart, rowEnd, columns } = options;
    for (const { start, end } of this.#left.rangesToRead(rowStart, rowEnd)) {
      let first = start;
      for await (const batch of this.#file.read({ ...options, rowStart: start, rowEnd: end })) {
        const ranges = this.#left.rangesIn(first, first + batch.numRows);
        const stretches = ranges.map((range) => ({ start: range.start - first, end: range.end - first }));
        first += batch.numRows;
        if (stretches.length > 0) yield gathered(batch, columns, stretches);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

function plainField({ name, type, nullable, metadata }: ArrowField): ArrowField {
  return new ArrowField(name, plainType(type), nullable, metadata);
}

/** Bytes stay, because all of them are read. */
function groupsLeft(groups: readonly RowGroup[], left: RowsLeft): RowGroup[] {
  let row = 0;
  let before = 0;
  return groups.map(({ rows, bytes }) => {
    row += rows;
    const after = left.countBefore(row);
    const group = { rows: after - before, bytes };
    before = after;
    return group;
  });
}

function gathered(
  batch: RecordBatch,
  columns: readonly string[],
  stretches: readonly { readonly start: number; readonly end: number }[],
): RecordBatch {
  const rows = stretches.reduce((sum, { start, end }) => sum + end - start, 0);
  const data = columns.map((name) => {
    const column = columnData(batch, name);
    return gather(
      column.type,
      stretches.map((stretch) => ({ data: column, ...stretch })),
    );
  });
  const fields = data.map(({ type }, at) => new ArrowField(columns[at] ?? "", type, true));
  return recordBatchOf(quickSchema(new Schema(fields)), rows, data);
}
