import { isGroup } from "../../../shared/core/is-group.ts";
import type { DoubtAbout, FolderDoubt } from "../../../shared/domain/model-folder.ts";

type Group = Readonly<Record<string, unknown>>;

const MAX_FOUND_CHARS = 60;

/**
 * Settings of one JSON file, by key. A value of another type reads as null, and is a doubt. A missing or null
 * value reads as null, without a doubt.
 */
export class Settings {
  readonly #values: Group;
  readonly #file: string;
  readonly #about: DoubtAbout;
  readonly #doubts: FolderDoubt[];

  constructor(
    values: Group,
    place: { readonly file: string; readonly about: DoubtAbout },
    doubts: FolderDoubt[],
  ) {
    this.#values = values;
    this.#file = place.file;
    this.#about = place.about;
    this.#doubts = doubts;
  }

  get keys(): readonly string[] {
    return Object.keys(this.#values);
  }

  value(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? (this.#values[key] ?? null) : null;
  }

  flag(key: string): boolean | null {
    return this.#typed(key, "true or false", (value) => typeof value === "boolean");
  }

  text(key: string): string | null {
    return this.#typed(key, "text", (value) => typeof value === "string");
  }

  number(key: string): number | null {
    return this.#typed(key, "a number", (value): value is number => Number.isFinite(value));
  }

  numbers(key: string): readonly number[] | null {
    return this.#typed(
      key,
      "a list of numbers",
      (value): value is readonly number[] => Array.isArray(value) && value.every(Number.isFinite),
    );
  }

  group(key: string): Group | null {
    return this.#typed(key, "a group of keys", isGroup);
  }

  /** Returns the place of a setting, such as `config.json: id2label`. */
  where(key: string): string {
    return `${this.#file}: ${key}`;
  }

  /** Records a doubt: the setting is not understood, or another one contradicts it. Returns null. */
  doubt(key: string, what: string): null {
    const found = beginningOf(this.value(key));
    this.#doubts.push({ about: this.#about, where: this.where(key), what, found });
    return null;
  }

  #typed<T>(key: string, expected: string, is: (value: unknown) => value is T): T | null {
    const value = this.value(key);
    if (value === null || is(value)) return value;
    return this.doubt(key, `is not ${expected}`);
  }
}

function beginningOf(value: unknown): string {
  try {
    const text = JSON.stringify(value) ?? "nothing";
    return text.length > MAX_FOUND_CHARS ? `${text.slice(0, MAX_FOUND_CHARS)}...` : text;
  } catch {
    // JSON.stringify is recursive and fails on deep nesting, which parsing allows.
    return "lists or groups that are nested too deeply to be shown";
  }
}
