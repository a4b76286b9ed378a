import { Field as ArrowField, type Data, type RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { canonicalJson, type Digest, sha256 } from "../../shared/core/digest.ts";
import { formatBytes } from "../../shared/core/units.ts";
import type { DatasetFile, ReadOptions } from "../../shared/dataset/dataset-file.ts";
import { showType } from "../../shared/dataset/field-differences.ts";
import { fieldTypeOf } from "../../shared/dataset/fields.ts";
import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import { columnData, quickSchema, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { columnIndices } from "../../shared/dataset/schema-columns.ts";
import type { ColumnStatistics, RowGroupStatistics } from "../../shared/domain/column-statistics.ts";
import type { Field, RowGroup } from "../../shared/domain/dataset.ts";
import { type Adapted, adaptColumn, type FieldKey, type KeyOf, lackedColumn } from "./adapt-column.ts";
import { arrowTypeOf, constantColumn } from "./arrow-types.ts";
import type { DeletedRows } from "./op.ts";
import { UndeletedFile } from "./undeleted-file.ts";

/** Rows of a batch when no column of the file itself is read. */
const CONSTANT_ROWS = 65_536;

/** Limit of a column of texts: Arrow's offsets are signed, of 32 bits. */
const MOST_TEXT_BYTES = 2 ** 31 - 1;

/** Column of a table, as one of its files has it. */
interface TableColumn {
  readonly field: Field;
  readonly key: FieldKey;
  /** Value of all rows, as text in the form of statistics. Undefined: rows that lack the column have null. */
  readonly value: string | null | undefined;
  /** True: the file's own column counts, if it has one. */
  readonly isOwnFirst: boolean;
}

/** Columns of a table for one of its files. */
interface TableForm {
  /** Name of the format. */
  readonly format: string;
  readonly columns: readonly TableColumn[];
  readonly keyOf: KeyOf;
  /** Facts beside the file that decide about its rows, as JSON. */
  readonly identity: unknown;
  readonly deleted: DeletedRows | null;
}

/**
 * Opens a data file of a table: its columns are those of the table. The new file disposes of the given one.
 *
 * @throws {INPUT_UNSUPPORTED} when a column has another type than the table
 */
export function openTableFile(file: DatasetFile, form: TableForm): DatasetFile {
  try {
    return new TableFile(file, form);
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/** Source of a column of the table. */
type Column =
  | { readonly kind: "own"; readonly field: Field; readonly own: ArrowField; readonly adapted: Adapted }
  | { readonly kind: "lacked"; readonly field: Field; readonly adapted: Adapted }
  | { readonly kind: "constant"; readonly field: Field; readonly value: string | null };

class TableFile implements DatasetFile {
  readonly path: string;
  readonly format: string;
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroup[];
  /** Covers the values of the log, too: they are part of the rows. */
  readonly footerSha256: Digest;
  readonly #file: DatasetFile;
  readonly #columns: ReadonlyMap<string, Column>;

  constructor(data: DatasetFile, form: TableForm) {
    const file = form.deleted === null ? data : new UndeletedFile(data, form.deleted);
    this.path = file.path;
    this.format = form.format;
    this.rows = file.rows;
    this.rowGroups = file.rowGroups;
    const columns = columnsOf(file, form);
    this.schema = quickSchema(new Schema([...columns.values()].map(arrowField)));
    this.footerSha256 = sha256(canonicalJson([file.footerSha256, form.identity]));
    this.#file = file;
    this.#columns = columns;
  }

  statistics(fields: readonly Field[]): readonly RowGroupStatistics[] {
    const columns = fields.flatMap(({ name }) => this.#columns.get(name) ?? []);
    const own = columns.flatMap((column) =>
      column.kind === "own" && column.adapted.isSame ? [{ ...column.field, name: column.own.name }] : [],
    );
    const found = own.length === 0 ? null : this.#file.statistics(own);
    return this.rowGroups.map(({ rows }, group) =>
      Object.fromEntries(
        columns.flatMap((column): [string, ColumnStatistics][] => {
          const { name } = column.field;
          if (column.kind !== "own") return [[name, constantStatistics(column, rows)]];
          const known = column.adapted.isSame ? found?.[group]?.[column.own.name] : undefined;
          return known === undefined ? [] : [[name, known]];
        }),
      ),
    );
  }

  async *read(options: ReadOptions): AsyncGenerator<RecordBatch> {
    const { columns } = options;
    const requested = columns.map((name) => present(this.#columns.get(name), "a table has its columns"));
    const schema = quickSchema(this.schema.selectAt(columnIndices(this.schema, columns, this.path)));
    const own = requested.flatMap((column) => (column.kind === "own" ? [column.own.name] : []));
    if (own.length === 0) {
      yield* this.#constants(requested, schema, options);
      return;
    }
    for await (const batch of this.#file.read({ ...options, columns: own }))
      yield recordBatchOf(
        schema,
        batch.numRows,
        requested.map((column) => this.#column(column, batch)),
      );
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  async *#constants(
    requested: readonly Column[],
    schema: Schema,
    { rowStart, rowEnd, signal }: ReadOptions,
  ): AsyncGenerator<RecordBatch> {
    for (let row = rowStart; row < rowEnd; row += CONSTANT_ROWS) {
      signal.throwIfAborted();
      const rows = Math.min(CONSTANT_ROWS, rowEnd - row);
      yield recordBatchOf(
        schema,
        rows,
        requested.map((column) => this.#madeColumn(column, rows)),
      );
    }
  }

  #column(column: Column, batch: RecordBatch): Data {
    if (column.kind === "own") return column.adapted.adapt(columnData(batch, column.own.name));
    return this.#madeColumn(column, batch.numRows);
  }

  #madeColumn(column: Column, rows: number): Data {
    const { name, type } = column.field;
    const value = column.kind === "constant" ? column.value : null;
    if (type.kind === "string" && value !== null && Buffer.byteLength(value) * rows > MOST_TEXT_BYTES) {
      const what = `more than ${formatBytes(MOST_TEXT_BYTES)} of partition column \`${name}\` in ${rows} rows`;
      throw inputUnsupported(this.path, what, "write it with smaller row groups");
    }
    return constantColumn(type, value, rows);
  }
}

function columnsOf(file: DatasetFile, { columns, keyOf }: TableForm): ReadonlyMap<string, Column> {
  const own = new Map(file.schema.fields.map((field) => [keyOf(field), field]));
  return new Map(
    columns.map(({ field, key, value, isOwnFirst }): [string, Column] => {
      const { name, type } = field;
      const found = own.get(key.key);
      if (value !== undefined && !(isOwnFirst && found !== undefined))
        return [name, { kind: "constant", field, value }];
      if (found === undefined) return [name, { kind: "lacked", field, adapted: lackedColumn(type) }];
      const adapted = adaptColumn(found.type, { type, key }, keyOf);
      if (adapted !== null) return [name, { kind: "own", field, own: found, adapted }];
      const types = `a column \`${name}\` of type ${showType(fieldTypeOf(found.type))}, and the table has ${showType(type)}`;
      throw inputUnsupported(file.path, types, "write the file again with the type of the table");
    }),
  );
}

function arrowField(column: Column): ArrowField {
  const { name, type } = column.field;
  if (column.kind !== "own") return new ArrowField(name, arrowTypeOf(type), true);
  return new ArrowField(name, column.adapted.type, column.own.nullable);
}

function constantStatistics(column: Exclude<Column, { kind: "own" }>, rows: number): ColumnStatistics {
  const value = column.kind === "constant" ? column.value : null;
  if (value === null) return { least: null, greatest: null, nulls: rows };
  const bound = boundOf(column.field.type, value);
  return { least: bound, greatest: bound, nulls: 0 };
}

/** NaN is no bound: other comparisons put it elsewhere. */
function boundOf({ kind }: Field["type"], value: string): string | null {
  if (kind === "string") return Buffer.from(value).toString("latin1");
  return value === "NaN" ? null : value;
}
