/** Checks whether a value of JSON or YAML is a group of keys. */
export function isGroup(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
