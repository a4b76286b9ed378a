import { isGroup } from "../../../shared/core/is-group.ts";
import type { FieldType } from "../../../shared/domain/dataset.ts";
import { MOST_DEPTH, MOST_FIELDS, plainTypeOf } from "../../lake/schema-types.ts";
import { shown } from "../../lake/table-error.ts";
import { tableCorrupt, tableUnsupported } from "./iceberg-error.ts";

/** Column of a table, or a field in one. Files name it by its id. */
export interface IcebergField {
  readonly id: number;
  readonly name: string;
  readonly type: FieldType;
  readonly nullable: boolean;
  /** Fields of a struct, the item of a list, or key and value of a map. */
  readonly inner: readonly IcebergField[];
}

/** Types that only Iceberg tables call so. */
const OWN: Readonly<Record<string, FieldType>> = {
  int: { kind: "numeric", type: "int32" },
  uuid: { kind: "fixedBinary", bytes: 16 },
  time: { kind: "time", unit: "microsecond" },
  timestamp: { kind: "timestamp", unit: "microsecond", zone: null },
  timestamptz: { kind: "timestamp", unit: "microsecond", zone: "UTC" },
};

/** Types of version 3 of the format. */
const LATER = new Set(["unknown", "timestamp_ns", "timestamptz_ns", "variant"]);

/**
 * Reads the columns of a table from a schema of its metadata.
 *
 * @throws {INPUT_CORRUPT} naming a field that is there twice, or what is no type
 * @throws {INPUT_UNSUPPORTED} naming a type that is not read
 */
export function readTableSchema(schema: unknown, path: string): readonly IcebergField[] {
  return new SchemaReader(path).fields(schema, "schema", 0);
}

class SchemaReader {
  readonly #path: string;
  readonly #ids = new Set<number>();

  constructor(path: string) {
    this.#path = path;
  }

  fields(struct: unknown, name: string, depth: number): IcebergField[] {
    const list = isGroup(struct) && struct.type === "struct" ? struct.fields : undefined;
    if (!Array.isArray(list)) throw this.#fault(name, "a struct with fields", struct);
    const names = new Set<string>();
    return list.map((field: unknown) => {
      if (!isGroup(field) || typeof field.name !== "string" || field.name === "")
        throw this.#fault(name, "fields with a name", field);
      if (names.has(field.name)) throw this.#fault(name, "each name once", field.name);
      names.add(field.name);
      const place = `${name}.${field.name}`;
      if ((field["initial-default"] ?? null) !== null)
        throw tableUnsupported(this.#path, `a default for rows before column \`${field.name}\``);
      return this.#field(
        { name: field.name, id: field.id, type: field.type, required: field.required },
        place,
        depth,
      );
    });
  }

  #field(
    { name, id, type, required }: { readonly name: string; id: unknown; type: unknown; required: unknown },
    place: string,
    depth: number,
  ): IcebergField {
    if (typeof id !== "number" || !Number.isInteger(id) || this.#ids.has(id))
      throw this.#fault(place, "an id of its own", id);
    this.#ids.add(id);
    if (this.#ids.size > MOST_FIELDS) throw this.#fault(place, `at most ${MOST_FIELDS} fields`, "more");
    return { id, name, nullable: required !== true, ...this.#type(type, place, depth + 1) };
  }

  #type(type: unknown, place: string, depth: number): Pick<IcebergField, "type" | "inner"> {
    if (depth > MOST_DEPTH) throw this.#fault(place, `at most ${MOST_DEPTH} levels of nested types`, "more");
    if (typeof type === "string") return { type: this.#plain(type, place), inner: [] };
    if (!isGroup(type)) throw this.#fault(place, "a type", type);
    switch (type.type) {
      case "struct": {
        const inner = this.fields(type, place, depth);
        const fields = inner.map(({ name, type: own, nullable }) => ({ name, type: own, nullable }));
        return { type: { kind: "struct", fields }, inner };
      }
      case "list": {
        const element = {
          name: "element",
          id: type["element-id"],
          type: type.element,
          required: type["element-required"],
        };
        const item = this.#field(element, `${place}.element`, depth);
        return { type: { kind: "list", item: item.type }, inner: [item] };
      }
      case "map": {
        const key = this.#field(
          { name: "key", id: type["key-id"], type: type.key, required: true },
          `${place}.key`,
          depth,
        );
        const values = {
          name: "value",
          id: type["value-id"],
          type: type.value,
          required: type["value-required"],
        };
        const value = this.#field(values, `${place}.value`, depth);
        return { type: { kind: "map", key: key.type, value: value.type }, inner: [key, value] };
      }
      default:
        throw this.#fault(place, "struct, list or map", type.type);
    }
  }

  #plain(type: string, place: string): FieldType {
    const plain = plainTypeOf(type, OWN);
    if (plain !== null) return plain;
    const bytes = Number(/^fixed\[(\d{1,6})\]$/.exec(type)?.[1]);
    if (bytes > 0) return { kind: "fixedBinary", bytes };
    if (LATER.has(type) || /^geo(metry|graphy)\b/.test(type))
      throw tableUnsupported(this.#path, `a column \`${place}\` of type ${type}`);
    throw this.#fault(place, "a type of Iceberg tables", type);
  }

  #fault(place: string, expected: string, found: unknown): Error {
    return tableCorrupt({ path: this.#path, where: `schema (${place})`, expected, found: shown(found) });
  }
}
