/**
 * Node of a plan that DuckDB serialized (`json_serialize_plan`). The JSON has DuckDB's own shape, which may
 * change with its version. Unexpected values read as absent.
 */
export class BoundNode {
  readonly #value: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    this.#value = typeof value === "object" && value !== null ? { ...value } : {};
  }

  text(key: string): string {
    const value = this.#value[key];
    return typeof value === "string" ? value : "";
  }

  get(key: string): unknown {
    return this.#value[key];
  }

  node(key: string): BoundNode {
    return new BoundNode(this.#value[key]);
  }

  nodes(key: string): readonly BoundNode[] {
    const value = this.#value[key];
    return Array.isArray(value) ? value.map((item: unknown) => new BoundNode(item)) : [];
  }

  /** Returns the direct children of the node. */
  parts(): readonly BoundNode[] {
    return Object.values(this.#value).flatMap((value) =>
      Array.isArray(value) ? value.map((item: unknown) => new BoundNode(item)) : [new BoundNode(value)],
    );
  }
}

/** Returns the plan of the statement that DuckDB serialized. Null: DuckDB reported an error instead. */
export function boundPlan(json: string): BoundNode | null {
  return new BoundNode(parsedPlan(json)).nodes("plans")[0] ?? null;
}

/**
 * Parses a plan, and keeps values exact that JSON numbers cannot hold. NaN and the infinities become null,
 * and whole numbers of 16 digits or more become strings. Inside a JSON string quotes are escaped, so the
 * patterns match values only.
 */
function parsedPlan(json: string): unknown {
  const exact = json
    .replace(/"value":(?:-?Infinity|-?NaN)(?=[,}])/gi, '"value":null')
    .replace(/"value":(-?\d{16,})(?=[,}])/g, '"value":"$1"');
  return JSON.parse(exact) as unknown;
}
