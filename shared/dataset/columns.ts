import type { Problem } from "../core/errors.ts";
import { listNames } from "../core/list-names.ts";
import { didYouMean } from "../core/nearest.ts";
import type { Field, FieldType } from "../domain/dataset.ts";
import type { TextCause } from "../domain/text-cause.ts";
import type { CellSize } from "../input-sources/input-source.ts";
import type { SpecProblem } from "../job-file/issue-problems.ts";
import type { KeyPath } from "../job-file/key-path.ts";
import { showType } from "./field-differences.ts";

/** Columns of the dataset by name, with the facts to report missing ones. */
export class Columns {
  /** Names in the order of the schema. */
  readonly names: readonly string[];
  readonly #byName = new Map<string, Field>();
  readonly #twice = new Set<string>();

  readonly #textCauses: readonly TextCause[];

  constructor(fields: readonly Field[], textCauses: readonly TextCause[] = []) {
    this.#textCauses = textCauses;
    this.names = fields.map(({ name }) => name);
    for (const field of fields) {
      if (this.#byName.has(field.name)) this.#twice.add(field.name);
      else this.#byName.set(field.name, field);
    }
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  textCause(name: string): TextCause | null {
    return this.#textCauses.find(({ column }) => column === name) ?? null;
  }

  /** Finds a column. Null: the column is missing, and a problem at `path` was added. */
  find(name: string, path: KeyPath, problems: SpecProblem[]): Field | null {
    const field = this.#byName.get(name);
    if (field === undefined) {
      const expected = `a column of the input: ${listNames(this.names)}`;
      const found = `\`${name}\``;
      problems.push({
        path,
        part: "value",
        what: `no column \`${name}\``,
        expected,
        found,
        ...didYouMean(name, this.names),
      });
      return null;
    }
    if (this.#twice.has(name)) {
      problems.push({
        path,
        part: "value",
        what: `the input has more than one column \`${name}\``,
        expected: "a name that one column has",
      });
      return null;
    }
    return field;
  }
}

/**
 * Finds a column for a step.
 *
 * @param where key path that names the column
 * @returns the column, or null with problems
 */
export function findColumn(
  fields: readonly Field[],
  name: string,
  where: string,
): { readonly field: Field | null; readonly problems: readonly Problem[] } {
  const found: SpecProblem[] = [];
  const field = new Columns(fields).find(name, [], found);
  return {
    field,
    problems: found.map(({ path: _path, part: _part, ...problem }) => ({ where, ...problem })),
  };
}

/**
 * Returns the size of a column's cells. Null: the type cannot feed a model. Lists may be nested to any depth
 * and are flattened. When inner lists may differ in length, each row is checked when it is read.
 *
 * @param of type that a model takes: texts feed no numbers, and numbers no texts
 */
export function cellSize(type: FieldType, of: "numeric" | "string" = "numeric"): CellSize | null {
  if (of === "numeric" && type.kind === "binary") return { kind: "bytesPerRow" };
  if (of === "numeric" && type.kind === "fixedBinary") return { kind: "bytes", bytes: type.bytes };
  let isFixed = true;
  let values = 1;
  let inner: FieldType = type;
  while (inner.kind === "list" || inner.kind === "fixedList") {
    if (inner.kind === "fixedList") values *= inner.length;
    else isFixed = false;
    inner = inner.item;
  }
  if ((of === "string" ? plainKind(inner) : inner.kind) !== of) return null;
  return isFixed ? { kind: "values", values } : { kind: "perRow", factor: values };
}

/** Returns the kind of a type. A dictionary has the kind of its values. */
export function plainKind(type: FieldType): FieldType["kind"] {
  return type.kind === "dictionary" ? plainKind(type.values) : type.kind;
}

/** Describes a type for messages: `fixed list of 784 float32`. */
export function describeFieldType(type: FieldType): string {
  switch (type.kind) {
    case "numeric":
      return type.type;
    case "list":
      return `list of ${describeFieldType(type.item)}`;
    case "fixedList":
      return `fixed list of ${type.length} ${describeFieldType(type.item)}`;
    case "fixedBinary":
      return `binary of ${type.bytes} bytes`;
    default:
      return showType(type);
  }
}
