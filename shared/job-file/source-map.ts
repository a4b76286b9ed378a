import { formatKeyPath, type KeyPath } from "./key-path.ts";

/** Place of a key and its value, as offsets into the file's text. */
interface SourceSpan {
  readonly keyOffset: number;
  readonly valueOffset: number;
  /** Position among all values. Values from a merge key have the position of that key. */
  readonly order: number;
  /**
   * Text with its variables unexpanded, shown instead of the value, which may be a secret. Null: no
   * variables.
   */
  readonly reference: string | null;
}

interface Override {
  readonly path: KeyPath;
  /** Override as the user wrote it, shortened: `--set map.batch.rows=256`. */
  readonly label: string;
}

/**
 * Places of a job's values: in the file, or in a `--set`. A later `--set` overrides earlier ones and the
 * file.
 */
export class SourceMap {
  readonly #byPath = new Map<string, SourceSpan>();
  readonly #overrides: Override[] = [];
  readonly #lineOf: (offset: number) => string;

  /** @param lineOf formats an offset: `job.yaml:12:5` */
  constructor(lineOf: (offset: number) => string) {
    this.#lineOf = lineOf;
  }

  /** Records the place of a value. Call in the order of the tree that is read. */
  note(path: KeyPath, span: Omit<SourceSpan, "order">): void {
    const key = JSON.stringify(path);
    this.#byPath.set(key, { ...span, order: this.#byPath.get(key)?.order ?? this.#byPath.size });
  }

  noteOverride(path: KeyPath, label: string): void {
    this.#overrides.push({ path, label });
  }

  /**
   * Formats the place of a key or value: `job.yaml:12:5 map.inputs.image.scale`, or `--set
   * map.bacth.rows=256`. A missing value has the place of its nearest existing group.
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

  /** Checks whether the path's first key exists in this job. */
  knows(path: KeyPath): boolean {
    return this.#byPath.has(JSON.stringify(path.slice(0, 1))) || this.#overrideOf(path) !== undefined;
  }

  /** Returns the offset by which problems are sorted. Values of `--set` sort after the file. */
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
   * Returns the position of a value in its group. A `--set` does not move an existing value. New values from
   * `--set` come last, in the order given. Missing values come first.
   */
  order(path: KeyPath): number {
    const override = this.#overrideOf(path);
    const isNewGroup = override !== undefined && override.path.length < path.length;
    const known = isNewGroup ? undefined : this.#byPath.get(JSON.stringify(path))?.order;
    return known ?? (override === undefined ? -1 : Number.MAX_SAFE_INTEGER);
  }

  /**
   * Returns the text with its variables unexpanded. Null: the value at `path` has none from the environment.
   */
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
