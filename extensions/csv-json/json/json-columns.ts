import {
  Field as ArrowField,
  type Data,
  type DataType,
  DateDay,
  List,
  Schema,
  Struct,
  TimestampMicrosecond,
  Utf8,
} from "apache-arrow";
import { present } from "../../../shared/core/assert.ts";
import { ARROW_NUMBERS } from "../../../shared/dataset/arrow-numbers.ts";
import type { Field, FieldType } from "../../../shared/domain/dataset.ts";
import { Growing, offsetsBefore } from "./growing.ts";
import { type ColumnValues, JsonColumn, type JsonValue } from "./json-column.ts";
import { JsonMembers } from "./json-members.ts";
import { type JsonScanner, OPEN_LIST, OPEN_OBJECT } from "./json-scanner.ts";
import { BoolColumn, NumberColumn, WideColumn } from "./number-columns.ts";
import { DateColumn, TextColumn, TimestampColumn } from "./text-columns.ts";

/** Returns the Arrow schema of JSON Lines columns. */
export function jsonSchema(fields: readonly Field[]): Schema {
  return new Schema(fields.map(arrowField));
}

function arrowField({ name, type }: Pick<Field, "name" | "type">): ArrowField {
  return new ArrowField(name, arrowType(type), true);
}

function arrowType(type: FieldType): DataType {
  switch (type.kind) {
    case "numeric":
      if (type.type !== "float16") return ARROW_NUMBERS[type.type]();
      break;
    case "string":
      return new Utf8();
    case "date":
      return new DateDay();
    case "timestamp":
      return new TimestampMicrosecond();
    case "list":
      return new List(arrowField({ name: "element", type: type.item }));
    case "struct":
      return new Struct(type.fields.map(arrowField));
  }
  throw new Error(`broken invariant: JSON has no ${type.kind}`);
}

/** Makes an empty column of a type for the scanner's values. */
function jsonColumn(type: FieldType, scanner: JsonScanner): JsonColumn {
  const arrow = arrowType(type);
  switch (type.kind) {
    case "numeric":
      if (type.type === "bool") return new BoolColumn(arrow, scanner);
      if (type.type === "int64" || type.type === "uint64")
        return new WideColumn(arrow, scanner, type.type === "int64");
      if (type.type !== "float16") return new NumberColumn(arrow, scanner, type.type);
      break;
    case "string":
      return new TextColumn(arrow, scanner);
    case "date":
      return new DateColumn(arrow, scanner);
    case "timestamp":
      return new TimestampColumn(arrow, scanner);
    case "list":
      return new ListColumn(arrow, scanner, type.item);
    case "struct":
      return new StructColumn(arrow, scanner, type.fields);
  }
  throw new Error(`broken invariant: JSON has no ${type.kind}`);
}

class ListColumn extends JsonColumn {
  readonly #items: JsonColumn;
  readonly #ends = new Growing(Int32Array);

  constructor(type: DataType, scanner: JsonScanner, item: FieldType) {
    super(type, scanner);
    this.#items = jsonColumn(item, scanner);
  }

  protected appendValue({ start }: JsonValue): boolean {
    const { scanner } = this;
    if (scanner.bytes[start] !== OPEN_LIST) return false;
    scanner.enter(start);
    for (let isFirst = true; scanner.passItemStart(isFirst); isFirst = false) {
      scanner.passValue();
      const behind = scanner.at;
      if (!this.#items.append(scanner.value())) return false;
      scanner.at = behind;
    }
    this.#ends.push(this.#items.length);
    return true;
  }

  protected appendEmpty(): void {
    this.#ends.push(this.#items.length);
  }

  protected truncateValues(length: number): void {
    this.#ends.truncate(length);
    this.#items.truncate(length === 0 ? 0 : (this.#ends.array[length - 1] ?? 0));
  }

  protected finishValues(): ColumnValues {
    return { offsets: offsetsBefore(this.#ends), children: [this.#items.finish()] };
  }
}

class StructColumn extends JsonColumn {
  readonly #members: MemberColumns;

  constructor(type: DataType, scanner: JsonScanner, fields: readonly Field[]) {
    super(type, scanner);
    this.#members = new MemberColumns(fields, scanner);
  }

  protected appendValue({ start }: JsonValue): boolean {
    if (this.scanner.bytes[start] !== OPEN_OBJECT) return false;
    return this.#members.append(start) < 0;
  }

  protected appendEmpty(): void {
    this.#members.appendNulls();
  }

  protected truncateValues(length: number): void {
    this.#members.truncate(length);
  }

  protected finishValues(): ColumnValues {
    return { children: this.#members.finish() };
  }
}

/** Columns that are members of objects. */
export class MemberColumns {
  readonly #columns: readonly JsonColumn[];
  readonly #members: JsonMembers;

  constructor(fields: readonly Field[], scanner: JsonScanner) {
    this.#columns = fields.map(({ type }) => jsonColumn(type, scanner));
    this.#members = new JsonMembers(
      fields.map(({ name }) => name),
      scanner,
    );
  }

  /**
   * Appends the members of the object that opens at this offset. A missing member is null.
   *
   * @returns the first column that rejects its member, or -1. That column and all later ones stay unchanged.
   */
  append(opening: number): number {
    this.#members.find(opening);
    const { starts, ends, areEscaped } = this.#members;
    for (const [at, column] of this.#columns.entries()) {
      const start = starts[at] ?? -1;
      if (start < 0) column.appendNull();
      else if (!column.append({ start, end: ends[at] ?? 0, isEscaped: areEscaped[at] === 1 })) return at;
    }
    return -1;
  }

  appendNulls(): void {
    for (const column of this.#columns) column.appendNull();
  }

  /** Returns the bytes of a member of the last object. */
  placeOf(column: number): { readonly start: number; readonly end: number } {
    const { starts, ends } = this.#members;
    return { start: present(starts[column], "a column"), end: present(ends[column], "a column") };
  }

  truncate(length: number): void {
    for (const column of this.#columns) if (column.length > length) column.truncate(length);
  }

  finish(): Data[] {
    return this.#columns.map((column) => column.finish());
  }
}
