import { formatKeyPath, type KeyPath } from "./key-path.ts";

/** Where a key and its value are, as offsets into the file's text. */
interface SourceSpan {
  readonly keyOffset: number;
  readonly valueOffset: number;
  /** Among all values: what a merge key brings in stands where that is, though it was written elsewhere. */
  readonly order: number;
  /**
   * The text before variables were put in, where any were: shown instead of the value, which may be a secret.
   */
  readonly reference: string | null;
}

interface Override {
  readonly path: KeyPath;
  /** As the user gave it, shortened: `--set map.batch.rows=256`. */
  readonly label: string;
}

/**
 * Where each value of a job came from: a place in the file, or a `--set`. A later `--set` wins over an
 * earlier one and over the file.
 */
export class SourceMap {
  readonly #byPath = new Map<string, SourceSpan>();
  readonly #overrides: Override[] = [];
  readonly #lineOf: (offset: number) => string;

  /** `lineOf` gives `job.yaml:12:5` for an offset. */
  constructor(lineOf: (offset: number) => string) {
    this.#lineOf = lineOf;
  }

  /** In the order in which the values stand in the tree that is read. */
  note(path: KeyPath, span: Omit<SourceSpan, "order">): void {
    const key = JSON.stringify(path);
    this.#byPath.set(key, { ...span, order: this.#byPath.get(key)?.order ?? this.#byPath.size });
  }

  noteOverride(path: KeyPath, label: string): void {
    this.#overrides.push({ path, label });
  }

  /**
   * `job.yaml:12:5 map.inputs.image.scale`, or `--set map.bacth.rows=256`. What is missing is where it should
   * be.
   */
  where(path: KeyPath, part: "key" | "value"): string {
    const override = this.#overrideOf(path);
    if (override !== undefined) {
      const inside = path.length > override.path.length;
      return inside ? `${override.label} ${formatKeyPath(path)}` : override.label;
    }
    return [this.#lineOf(this.offset(path, part)), formatKeyPath(path)]
      .filter((text) => text !== "")
      .join(" ");
  }

  /** Whether the path begins in this job: its first key is there. */
  knows(path: KeyPath): boolean {
    return this.#byPath.has(JSON.stringify(path.slice(0, 1))) || this.#overrideOf(path) !== undefined;
  }

  /** For putting problems in the order of the file; after its end for what came from a `--set`. */
  offset(path: KeyPath, part: "key" | "value"): number {
    if (this.#overrideOf(path) !== undefined) return Number.MAX_SAFE_INTEGER;
    for (let length = path.length; length >= 0; length -= 1) {
      const span = this.#byPath.get(JSON.stringify(path.slice(0, length)));
      if (span === undefined) continue;
      return part === "value" && length === path.length ? span.valueOffset : span.keyOffset;
    }
    return 0;
  }

  /**
   * Where a value stands among the others of its group. A `--set` leaves it where it was; what is new by one
   * comes last, in the order in which it was given. What is not there has the least.
   */
  order(path: KeyPath): number {
    const override = this.#overrideOf(path);
    const isNewGroup = override !== undefined && override.path.length < path.length;
    const known = isNewGroup ? undefined : this.#byPath.get(JSON.stringify(path))?.order;
    return known ?? (override === undefined ? -1 : Number.MAX_SAFE_INTEGER);
  }

  /** The text with the variables still in it, when the value at `path` was made from the environment. */
  reference(path: KeyPath): string | null {
    if (this.#overrideOf(path) !== undefined) return null;
    return this.#byPath.get(JSON.stringify(path))?.reference ?? null;
  }

  #overrideOf(path: KeyPath): Override | undefined {
    const over = this.#overrides.findLast((override) => startsWith(path, override.path));
    if (over !== undefined || this.#byPath.has(JSON.stringify(path))) return over;
    return this.#overrides.findLast((override) => startsWith(override.path, path) && path.length > 0);
  }
}

function startsWith(path: KeyPath, start: KeyPath): boolean {
  return start.length <= path.length && start.every((key, index) => key === path[index]);
}
