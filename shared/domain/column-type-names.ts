import type { FieldType, NumericType } from "./dataset.ts";

const NUMBERS = [
  "bool",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "float32",
  "float64",
] as const satisfies readonly NumericType[];

/** Names that a job can give to the type of a text file's column. Each `[]` behind a name makes a list. */
export const TYPE_NAMES = [...NUMBERS, "string", "date", "timestamp"] as const;

export const TYPE_PATTERN = new RegExp(`^(?:${TYPE_NAMES.join("|")})(?:\\[\\]){0,8}$`);

/** Returns the type that a job names. The name must match {@link TYPE_PATTERN}. */
export function typeOfName(name: string): FieldType {
  if (name.endsWith("[]")) return { kind: "list", item: typeOfName(name.slice(0, -2)) };
  const number = NUMBERS.find((each) => each === name);
  if (number !== undefined) return { kind: "numeric", type: number };
  if (name === "date") return { kind: "date", unit: "day" };
  if (name === "timestamp") return { kind: "timestamp", unit: "microsecond", zone: null };
  if (name === "string") return { kind: "string" };
  throw new Error(`broken invariant: ${name} is no type of a column`);
}

/** Returns the name of a type in a job file. Null: a job cannot set this type. */
export function nameOfType(type: FieldType): string | null {
  switch (type.kind) {
    case "numeric":
      return type.type;
    case "string":
    case "date":
    case "timestamp":
      return type.kind;
    case "list": {
      const item = nameOfType(type.item);
      return item === null ? null : `${item}[]`;
    }
    default:
      return null;
  }
}
