import type { NamedType } from "../../../shared/values/value-type.ts";
import { parseColumnTypes, TypeFault } from "./column-types.ts";

/** Keys of a module's default export. */
type Keys = Readonly<Record<string, unknown>>;

export type UserFunction = (...given: readonly unknown[]) => unknown;

/**
 * Returns a module's default export, an object of known keys.
 *
 * @param what expected kind, and the function that makes it
 * @throws {TypeFault} when it is no object, or has an unknown key
 */
export function exportedKeys(
  exported: unknown,
  what: { readonly name: string; readonly maker: string; readonly keys: readonly string[] },
): Keys {
  const { name, maker, keys } = what;
  if (typeof exported !== "object" || exported === null)
    throw new TypeFault(
      `has no default export that is a ${name}: write \`export default ${maker}({ ... })\``,
    );
  const value = { ...exported } as Keys;
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined)
    throw new TypeFault(`\`${unknown}\` is not a key of a ${name}: ${keys.join(", ")}`);
  return value;
}

export function typesAt(value: Keys, key: string): readonly NamedType[] {
  if (value[key] === undefined)
    throw new TypeFault(
      `\`${key}\` is missing: columns with their types, as in \`${key}: { text: "string" }\``,
    );
  try {
    return parseColumnTypes(value[key]);
  } catch (error) {
    throw error instanceof TypeFault ? new TypeFault(`${key}: ${error.message}`) : error;
  }
}

export function numberAt(value: Keys, key: string, most: number): number | null {
  const found = value[key];
  if (found === undefined) return null;
  if (typeof found === "number" && found > 0 && found <= most) return found;
  throw new TypeFault(`\`${key}\`: expected a number above 0 and at most ${most}, found ${String(found)}`);
}

export function functionAt(value: Keys, key: string): UserFunction | null {
  const found = value[key];
  if (found === undefined) return null;
  if (typeof found !== "function")
    throw new TypeFault(`\`${key}\`: expected a function, found ${String(found)}`);
  // The function may use its object as `this`.
  return (...given) => Reflect.apply(found, value, given);
}
