import type { Field, FieldType } from "../../../shared/domain/dataset.ts";
import { dayOf, microsOf } from "./iso-time.ts";
import { JsonFault, type JsonScanner, OPEN_LIST, OPEN_OBJECT } from "./json-scanner.ts";

const QUOTE = 0x22;
const LETTER_N = 0x6e;
const LETTERS_OF_BOOL = new Set([0x66, 0x74]);

/** Limit of nested column types. Deeper values are text. Real programs write tens of levels. */
const TYPE_LEVELS = 64;

const WHOLE = /^-?\d+$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/;

/** Common type of a column's values over all lines so far. */
export class SeenValues {
  /** Values by key, in order of first appearance. */
  readonly members = new Map<string, SeenValues>();
  readonly #kinds = new Set<"bool" | "number" | "text" | "list" | "object">();
  #hasFractions = false;
  #least = 0n;
  #most = 0n;
  #areDates = true;
  #areMoments = true;
  #items: SeenValues | null = null;

  /**
   * Adds a line.
   *
   * @returns false when the line is not a JSON object
   */
  addLine(scanner: JsonScanner, start: number, end: number): boolean {
    try {
      scanner.passLine(start, end);
    } catch (error) {
      if (error instanceof JsonFault) return false;
      throw error;
    }
    const { valueStart } = scanner;
    if (scanner.bytes[valueStart] !== OPEN_OBJECT) return false;
    scanner.at = valueStart;
    this.#add(scanner);
    return true;
  }

  /** Returns the fields of the objects. */
  fields(): Field[] {
    return [...this.members].map(([name, seen]) => ({
      name,
      type: seen.#isOdd() ? TEXT : seen.#type(0),
      nullable: true,
    }));
  }

  /** Adds the scanner's next value and passes it. An earlier pass has validated it. */
  #add(scanner: JsonScanner): void {
    scanner.skipBlanks();
    const opening = scanner.bytes[scanner.at];
    if (opening === OPEN_OBJECT) this.#addObject(scanner);
    else if (opening === OPEN_LIST) this.#addList(scanner);
    else {
      scanner.passValue();
      this.#addScalar(scanner.bytes.toString("utf8", scanner.valueStart, scanner.valueEnd));
    }
  }

  #addObject(scanner: JsonScanner): void {
    this.#kinds.add("object");
    scanner.enter(scanner.at);
    for (let isFirst = true; scanner.passKey(isFirst); isFirst = false) {
      const { bytes, valueStart, valueEnd } = scanner;
      const key = String(JSON.parse(bytes.toString("utf8", valueStart, valueEnd)));
      const seen = this.members.get(key) ?? new SeenValues();
      this.members.set(key, seen);
      seen.#add(scanner);
    }
  }

  #addList(scanner: JsonScanner): void {
    this.#kinds.add("list");
    this.#items ??= new SeenValues();
    scanner.enter(scanner.at);
    for (let isFirst = true; scanner.passItemStart(isFirst); isFirst = false) this.#items.#add(scanner);
  }

  #addScalar(json: string): void {
    const first = json.charCodeAt(0);
    if (first === LETTER_N) return;
    if (LETTERS_OF_BOOL.has(first)) this.#kinds.add("bool");
    else if (first === QUOTE) this.#addText(json.slice(1, -1));
    else this.#addNumber(json);
  }

  #addText(text: string): void {
    this.#kinds.add("text");
    this.#areDates &&= DATE.test(text) && dayOf(text) !== null;
    this.#areMoments &&= (DATE.test(text) || MOMENT.test(text)) && microsOf(text) !== null;
  }

  #addNumber(json: string): void {
    this.#kinds.add("number");
    if (!WHOLE.test(json)) {
      this.#hasFractions = true;
      return;
    }
    const value = BigInt(json);
    if (value < this.#least) this.#least = value;
    if (value > this.#most) this.#most = value;
  }

  /** Returns true when the keys of an object, or of an inner one, cannot name the fields of a struct. */
  #isOdd(): boolean {
    const within = [...this.members.values(), ...(this.#items === null ? [] : [this.#items])];
    return oddKeys(this.members.keys()) !== null || within.some((seen) => seen.#isOdd());
  }

  #type(level: number): FieldType {
    const [kind, ...others] = this.#kinds;
    if (kind === undefined || others.length > 0 || level > TYPE_LEVELS) return TEXT;
    switch (kind) {
      case "bool":
        return { kind: "numeric", type: "bool" };
      case "number":
        return this.#hasFractions ? { kind: "numeric", type: "float64" } : wholeType(this.#least, this.#most);
      case "text":
        if (this.#areDates) return { kind: "date", unit: "day" };
        return this.#areMoments ? { kind: "timestamp", unit: "microsecond", zone: null } : TEXT;
      case "list":
        return { kind: "list", item: this.#items === null ? TEXT : this.#items.#type(level + 1) };
      case "object":
        return this.#structType(level);
    }
  }

  #structType(level: number): FieldType {
    if (this.members.size === 0) return TEXT;
    const fields = [...this.members].map(([name, seen]) => ({
      name,
      type: seen.#type(level + 1),
      nullable: true,
    }));
    return { kind: "struct", fields };
  }
}

const TEXT: FieldType = { kind: "string" };

/**
 * Returns the integer type for a range. Text when no integer type holds the range, because values are never
 * rounded.
 */
export function wholeType(least: bigint, most: bigint): FieldType {
  if (least >= -(2n ** 63n) && most < 2n ** 63n) return { kind: "numeric", type: "int64" };
  if (least >= 0n && most < 2n ** 64n) return { kind: "numeric", type: "uint64" };
  return TEXT;
}

/**
 * Explains why keys cannot name columns or the fields of a struct. Null: they can. SQL names ignore ASCII
 * case, are not empty, and end at a NUL.
 */
export function oddKeys(keys: Iterable<string>): string | null {
  const byLower = new Map<string, string>();
  for (const key of [...keys].sort()) {
    if (key === "") return "a key that is empty";
    if (key.includes("\0")) return `a key with a NUL character (${JSON.stringify(key)})`;
    const lower = key.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    const other = byLower.get(lower);
    if (other !== undefined) return `keys that differ in case only (${other}, ${key})`;
    byLower.set(lower, key);
  }
  return null;
}
