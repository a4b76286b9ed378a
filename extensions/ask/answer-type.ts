import type { Problem } from "../../shared/core/errors.ts";
import type { NamedType, ScalarName, ValueShape, ValueType } from "../../shared/values/value-type.ts";
import type { AskOp } from "./op.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Nesting that no answer needs, and that would exhaust the stack. */
const MOST_LEVELS = 16;

/** Columns of an answer, or the reasons why its schema gives none. */
interface AnswerTypes {
  readonly columns: readonly NamedType[];
  readonly problems: readonly Problem[];
}

/**
 * Returns the columns for the properties of an answer's JSON Schema. A property that is not required may be
 * null.
 *
 * @param where key path for problems
 */
export function answerTypes(schema: Schema, where: string): AnswerTypes {
  const problems: Problem[] = [];
  const type = typeOf(closed(schema), where, 0, problems);
  if (type?.shape.kind === "struct" && !type.isNullable) return { columns: type.shape.fields, problems };
  if (problems.length === 0)
    problems.push({
      where,
      what: "is not the schema of an object",
      expected: "`type: object` with `properties`",
    });
  return { columns: [], problems };
}

/**
 * Returns the schema with the defaults that servers want. All properties of an object are required, and no
 * others are allowed.
 */
export function closed(schema: Schema): Schema {
  const { properties, items } = schema;
  const branches = schema.anyOf;
  return {
    ...schema,
    ...(isSchema(properties)
      ? {
          properties: mapped(properties, (inner) => (isSchema(inner) ? closed(inner) : inner)),
          required: schema.required ?? Object.keys(properties),
          additionalProperties: schema.additionalProperties ?? false,
        }
      : {}),
    ...(isSchema(items) ? { items: closed(items) } : {}),
    ...(Array.isArray(branches)
      ? { anyOf: branches.map((branch: unknown) => (isSchema(branch) ? closed(branch) : branch)) }
      : {}),
  };
}

/** Returns the type of a schema's values. Undefined: a problem was added. */
function typeOf(schema: unknown, where: string, level: number, problems: Problem[]): ValueType | undefined {
  const fail = (found: string): undefined => {
    problems.push({
      where,
      what: "cannot be a column",
      expected: "one `type` of string, number, integer, boolean, array and object, or also null",
      found,
    });
  };
  if (!isSchema(schema) || level > MOST_LEVELS)
    return fail(level > MOST_LEVELS ? "too deep nesting" : "no schema");
  const { anyOf } = schema;
  if (Array.isArray(anyOf)) {
    const rest = anyOf.filter((branch: unknown) => !(isSchema(branch) && branch.type === "null"));
    if (rest.length !== 1) return fail("several types");
    const type = typeOf(rest[0], where, level + 1, problems);
    return type && { ...type, isNullable: type.isNullable || rest.length < anyOf.length };
  }
  const names = namesOf(schema);
  const kinds = names.filter((name) => name !== "null");
  if (kinds.length !== 1) return fail(names.length === 0 ? "no type" : names.join(" or "));
  const shape = shapeOf(String(kinds[0]), schema, { where, level, problems });
  if (shape === null) return fail(String(kinds[0]));
  return shape && { shape, isNullable: kinds.length < names.length };
}

/** Returns the types of a schema. Without `type`, those of its `enum` or `const`. */
function namesOf(schema: Schema): readonly string[] {
  if (schema.type !== undefined) return [schema.type].flat().map(String);
  const values = "const" in schema ? [schema.const] : schema.enum;
  if (!Array.isArray(values)) return [];
  return [...new Set(values.map((value: unknown) => (value === null ? "null" : typeof value)))];
}

interface Place {
  readonly where: string;
  readonly level: number;
  readonly problems: Problem[];
}

const SCALARS: Readonly<Record<string, ScalarName>> = {
  string: "string",
  number: "float64",
  integer: "int64",
  boolean: "bool",
};

/** Returns the shape of a type. Null: the type is unsupported. Undefined: a problem was added. */
function shapeOf(kind: string, schema: Schema, place: Place): ValueShape | null | undefined {
  const { where, level, problems } = place;
  const name = SCALARS[kind];
  if (name !== undefined) return { kind: "scalar", name };
  if (kind === "array") {
    const item = typeOf(schema.items, `${where}.items`, level + 1, problems);
    return item && { kind: "list", item };
  }
  if (kind !== "object" || !isSchema(schema.properties)) return null;
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const fields = Object.entries(schema.properties).flatMap(([key, inner]) => {
    const type = typeOf(inner, `${where}.properties.${key}`, level + 1, problems);
    return type === undefined
      ? []
      : [{ name: key, type: { ...type, isNullable: type.isNullable || !required.has(key) } }];
  });
  if (fields.length > 0) return { kind: "struct", fields };
  // The properties without a type have their own problems.
  return Object.keys(schema.properties).length === 0 ? null : undefined;
}

/**
 * Returns the columns of a checked step: those of its schema, or one of the answer's text. The column of the
 * tokens is last.
 */
export function answerColumns({
  answer,
  column,
  tokens,
}: Pick<AskOp, "answer" | "column" | "tokens">): readonly NamedType[] {
  const own = answer === null ? [scalar(column, "string", false)] : answerTypes(answer, "answer").columns;
  return tokens === undefined ? own : [...own, scalar(tokens, "int64", true)];
}

function scalar(name: string, type: ScalarName, isNullable: boolean): NamedType {
  return { name, type: { shape: { kind: "scalar", name: type }, isNullable } };
}

/** Returns a value in the form of its column. The schema has checked it. */
export function columnValue(value: unknown, { shape }: ValueType): unknown {
  if (value === undefined || value === null) return null;
  switch (shape.kind) {
    case "list":
      return (value as readonly unknown[]).map((item) => columnValue(item, shape.item));
    case "struct":
      return shape.fields.map(({ name, type }) => columnValue(Reflect.get(value, name), type));
    default:
      return shape.kind === "scalar" && shape.name === "int64" ? BigInt(value as number) : value;
  }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mapped(values: Schema, change: (value: unknown) => unknown): Schema {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}
