import {
  DuckDBArrayType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from "@duckdb/node-api";
import { quoteIdentifier } from "./quote.ts";

/** Purpose of a result: `partial` is read by `final` again, `published` by people in any Parquet reader. */
export type StoredFor = "partial" | "published";

interface Leaf {
  /** Type of the values in the file. A cast to it and back keeps each value. Null: none. */
  readonly stored: string | null;
  /** Reason why it is not published in that form, and what to select instead. Undefined: it is published. */
  readonly unpublished?: { readonly why: string; readonly hint: string };
}

const TEXT = "or its text (`::VARCHAR`)";

/** Types of DuckDB that a Parquet file would change: to doubles, whole milliseconds, text or structs. */
const CHANGED: Readonly<Partial<Record<DuckDBTypeId, Leaf>>> = {
  [DuckDBTypeId.HUGEINT]: { stored: "DECIMAL(38, 0)" },
  [DuckDBTypeId.UHUGEINT]: { stored: "DECIMAL(38, 0)" },
  [DuckDBTypeId.TIMESTAMP_S]: { stored: "TIMESTAMP" },
  [DuckDBTypeId.TIMESTAMP_MS]: { stored: "TIMESTAMP" },
  [DuckDBTypeId.ENUM]: { stored: "VARCHAR" },
  [DuckDBTypeId.BIT]: { stored: "VARCHAR" },
  [DuckDBTypeId.INTERVAL]: {
    stored: "VARCHAR",
    unpublished: {
      why: "Parquet stores only whole milliseconds of an interval, and no negative ones",
      hint: `select its microseconds (\`epoch_us\`) ${TEXT}`,
    },
  },
  [DuckDBTypeId.TIME_TZ]: {
    stored: "VARCHAR",
    unpublished: {
      why: "Parquet stores no time zone of a time of day",
      hint: `select the time alone (\`::TIME\`) ${TEXT}`,
    },
  },
  [DuckDBTypeId.BIGNUM]: {
    stored: "VARCHAR",
    unpublished: {
      why: "Parquet has no numbers of unlimited length",
      hint: `select DECIMAL(38, 0) or DOUBLE of it, ${TEXT}`,
    },
  },
  [DuckDBTypeId.UNION]: { stored: null },
};

/** Types that Parquet returns unchanged. Types in neither list are refused: their outcome is unknown. */
const KEPT: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.BOOLEAN,
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.FLOAT,
  DuckDBTypeId.DOUBLE,
  DuckDBTypeId.DECIMAL,
  DuckDBTypeId.VARCHAR,
  DuckDBTypeId.BLOB,
  DuckDBTypeId.UUID,
  DuckDBTypeId.DATE,
  DuckDBTypeId.TIME,
  DuckDBTypeId.TIME_NS,
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_NS,
  DuckDBTypeId.TIMESTAMP_TZ,
]);

/** Types that Parquet returns unchanged as a column, but not within a list or struct. */
const KEPT_WHOLE: ReadonlySet<DuckDBTypeId> = new Set([DuckDBTypeId.GEOMETRY, DuckDBTypeId.VARIANT]);

/** Type, at any depth, that cannot be written. */
export class Unstorable extends Error {
  readonly type: string;
  readonly hint: string;

  constructor(type: string, why: string, hint: string) {
    super(why);
    this.type = type;
    this.hint = hint;
  }
}

/**
 * Returns the SQL type that values of `type` are cast to for a Parquet file. A cast back gives the same
 * values. The result is `type` itself, unless the table above has another.
 *
 * @throws {Unstorable}
 */
export function storedType(type: DuckDBType, storedFor: StoredFor): string {
  return typeText(type, (leaf) => {
    if (KEPT.has(leaf.typeId) || (leaf === type && KEPT_WHOLE.has(leaf.typeId))) return nameOf(leaf);
    const changed = CHANGED[leaf.typeId];
    const unpublished = storedFor === "published" ? changed?.unpublished : undefined;
    if (unpublished !== undefined) throw new Unstorable(sqlType(type), unpublished.why, unpublished.hint);
    if (changed?.stored) return changed.stored;
    const where = leaf === type ? "" : ` in a ${kindOf(type)}`;
    throw new Unstorable(
      sqlType(type),
      `a Parquet file cannot hold a ${nameOf(leaf)}${where}`,
      `select its parts ${TEXT}`,
    );
  });
}

/** Returns a type as SQL, with its fields' names quoted. */
export function sqlType(type: DuckDBType): string {
  return typeText(type, nameOf);
}

function typeText(type: DuckDBType, leafText: (leaf: DuckDBType) => string): string {
  if (type instanceof DuckDBListType) return `${typeText(type.valueType, leafText)}[]`;
  if (type instanceof DuckDBArrayType) return `${typeText(type.valueType, leafText)}[${type.length}]`;
  if (type instanceof DuckDBMapType) {
    return `MAP(${typeText(type.keyType, leafText)}, ${typeText(type.valueType, leafText)})`;
  }
  if (type instanceof DuckDBStructType) {
    const entries = type.entryNames.map((name, index) => {
      const entry = type.entryTypes[index];
      return `${quoteIdentifier(name)} ${entry === undefined ? "" : typeText(entry, leafText)}`;
    });
    return `STRUCT(${entries.join(", ")})`;
  }
  return leafText(type);
}

function kindOf(type: DuckDBType): string {
  return DuckDBTypeId[type.typeId]?.toLowerCase() ?? "column";
}

/** Returns the type's name. JSON is text with another name. */
function nameOf(type: DuckDBType): string {
  return type.alias ?? String(type);
}
