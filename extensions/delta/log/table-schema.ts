import { isGroup } from "../../../shared/core/is-group.ts";
import { parseJson } from "../../../shared/core/parse-json.ts";
import type { Field, FieldType } from "../../../shared/domain/dataset.ts";
import { MOST_DEPTH, MOST_FIELDS, plainTypeOf } from "../../lake/schema-types.ts";
import { shown } from "../../lake/table-error.ts";
import { logCorrupt } from "./log-error.ts";

/** Types that only Delta tables call so. */
const OWN: Readonly<Record<string, FieldType>> = {
  integer: { kind: "numeric", type: "int32" },
  short: { kind: "numeric", type: "int16" },
  byte: { kind: "numeric", type: "int8" },
  timestamp: { kind: "timestamp", unit: "microsecond", zone: "UTC" },
  timestamp_ntz: { kind: "timestamp", unit: "microsecond", zone: null },
};

/** Names of columns in data files, where they differ from those of the table. */
export interface ColumnMapping {
  /** Property of a file's columns that identifies them. Null: their names are those of the table. */
  readonly by: "name" | "id" | null;
  /** Names or ids of all columns and fields of structs, each before its own fields. */
  readonly keys: readonly string[];
}

/** Schema of a table. */
interface TableSchema {
  readonly fields: readonly Field[];
  readonly mapping: ColumnMapping;
  /** Name of each column in the log's partition values and statistics, by its name in the table. */
  readonly physical: ReadonlyMap<string, string>;
}

/**
 * Reads the columns of a table from the schema in its log.
 *
 * @param by property of a file's columns that identifies them

 * @throws {INPUT_CORRUPT} naming an unknown type, or a column that is there twice
 */
export function readTableSchema(text: string, path: string, by: ColumnMapping["by"]): TableSchema {
  const reader = new SchemaReader(path, by);
  const fields = reader.fields(parseJson(text), "schema", 0);
  return { fields, mapping: { by, keys: reader.keys }, physical: reader.physical };
}

const PHYSICAL = "delta.columnMapping.physicalName";
const ID = "delta.columnMapping.id";

class SchemaReader {
  readonly keys: string[] = [];
  readonly physical = new Map<string, string>();
  readonly #path: string;
  readonly #by: ColumnMapping["by"];
  #read = 0;

  constructor(path: string, by: ColumnMapping["by"]) {
    this.#path = path;
    this.#by = by;
  }

  fields(struct: unknown, name: string, depth: number): Field[] {
    const list = isGroup(struct) && struct.type === "struct" ? struct.fields : undefined;
    if (!Array.isArray(list)) throw this.#fault(name, "a struct with fields", struct);
    const names = new Set<string>();
    return list.map((field: unknown): Field => {
      if (!isGroup(field) || typeof field.name !== "string" || field.name === "")
        throw this.#fault(name, "fields with a name", field);
      this.#read += 1;
      if (this.#read > MOST_FIELDS) throw this.#fault(name, `at most ${MOST_FIELDS} fields`, "more");
      const key = field.name.toLowerCase();
      if (names.has(key)) throw this.#fault(name, "each name once, in any case", field.name);
      names.add(key);
      const physical = this.#map(field.name, field.metadata, name);
      if (depth === 0) this.physical.set(field.name, physical);
      const type = this.#type(field.type, `${name}.${field.name}`, depth + 1);
      return { name: field.name, type, nullable: field.nullable !== false };
    });
  }

  /** Adds the key of a column, and returns its name in the files. */
  #map(column: string, metadata: unknown, name: string): string {
    if (this.#by === null) return column;
    const facts = isGroup(metadata) ? metadata : {};
    const { [PHYSICAL]: physical, [ID]: id } = facts;
    if (typeof physical !== "string" || physical === "")
      throw this.#fault(`${name}.${column}`, `a text as ${PHYSICAL}`, physical);
    if (this.#by === "id" && !Number.isSafeInteger(id))
      throw this.#fault(`${name}.${column}`, `a whole number as ${ID}`, id);
    this.keys.push(this.#by === "id" ? String(id) : physical);
    return physical;
  }

  #type(type: unknown, name: string, depth: number): FieldType {
    if (depth > MOST_DEPTH) throw this.#fault(name, `at most ${MOST_DEPTH} levels of nested types`, "more");
    if (typeof type === "string") return this.#plain(type, name);
    if (!isGroup(type)) throw this.#fault(name, "a type", type);
    switch (type.type) {
      case "struct":
        return { kind: "struct", fields: this.fields(type, name, depth) };
      case "array":
        return { kind: "list", item: this.#type(type.elementType, name, depth + 1) };
      case "map":
        return {
          kind: "map",
          key: this.#type(type.keyType, name, depth + 1),
          value: this.#type(type.valueType, name, depth + 1),
        };
      default:
        throw this.#fault(name, "struct, array or map", type.type);
    }
  }

  #plain(type: string, name: string): FieldType {
    const plain = plainTypeOf(type, OWN);
    if (plain === null) throw this.#fault(name, "a type of Delta tables", type);
    return plain;
  }

  #fault(name: string, expected: string, found: unknown): Error {
    return logCorrupt({ path: this.#path, where: `schema (${name})`, expected, found: shown(found) });
  }
}
