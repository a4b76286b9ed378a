import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import { isText } from "../../shared/domain/file-cells.ts";

/** Names of id columns, the best first. */
const ID_NAMES: readonly RegExp[] = [
  /^(_?id|__key__)$/i,
  /^(row|record|doc|document|item|image|sample|example)[_-]?(id|key)$/i,
  /(^|[_-])(id|key|uuid|guid)$|[a-z](Id|ID|Key)$/,
  /^(uuid|guid|key|index|idx)$/i,
  /^(url|uri|path|folder|file|file[_-]?(name|path)|name)$/i,
];

export function isIdName(name: string): boolean {
  return rank(name) < ID_NAMES.length;
}

/** Returns the text columns that are not ids. */
export function textColumns(fields: readonly Field[]): readonly Field[] {
  return fields.filter(({ name, type }) => isText(type) && !isIdName(name));
}

/** Returns the id column, by name and type. Null: none. */
export function findIdColumn(fields: readonly Field[]): string | null {
  const [best] = fields
    .filter(({ name, type }) => isIdName(name) && isIdType(type))
    .toSorted((a, b) => rank(a.name) - rank(b.name));
  return best?.name ?? null;
}

function rank(name: string): number {
  const found = ID_NAMES.findIndex((pattern) => pattern.test(name));
  return found < 0 ? ID_NAMES.length : found;
}

function isIdType(type: FieldType): boolean {
  if (type.kind === "dictionary") return isIdType(type.values);
  return type.kind === "string" || (type.kind === "numeric" && /int/.test(type.type));
}
