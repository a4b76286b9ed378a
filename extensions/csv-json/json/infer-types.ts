import type { Field, FieldType } from "../../../shared/domain/dataset.ts";
import { dayOf, microsOf } from "./iso-time.ts";
import { JsonFault, type JsonScanner, OPEN_LIST, OPEN_OBJECT } from "./json-scanner.ts";

const QUOTE = 0x22;
const LETTER_N = 0x6e;
const LETTERS_OF_BOOL = new Set([0x66, 0x74]);

/** Columns nest no deeper: what lies below is text. Programs write tens of levels at most. */
const TYPE_LEVELS = 64;

const WHOLE = /^-?\d+$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/;

/** What the values of a column have in common, over all lines that were seen. */
export class SeenValues {
  /** By key, in the order of the first appearance. */
  readonly members = new Map<string, SeenValues>();
  readonly #kinds = new Set<"bool" | "number" | "text" | "list" | "object">();
  #hasFractions = false;
  #least = 0n;
  #most = 0n;
  #areDates = true;
  #areMoments = true;
  #items: SeenValues | null = null;

  /** Adds a line. @returns false where it is no object of JSON */
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

  /** The fields of the objects. */
  fields(): Field[] {
    return [...this.members].map(([name, seen]) => ({
      name,
      type: seen.#isOdd() ? TEXT : seen.#type(0),
      nullable: true,
    }));
  }

  /** Adds the value that the scanner stands before, and passes it. It was passed before. */
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

  /** Whether an object with these keys, or one within it, is none that a struct can be. */
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

/** The type of whole numbers between these two. Text where no integer has them all: none is rounded. */
export function wholeType(least: bigint, most: bigint): FieldType {
  if (least >= -(2n ** 63n) && most < 2n ** 63n) return { kind: "numeric", type: "int64" };
  if (least >= 0n && most < 2n ** 64n) return { kind: "numeric", type: "uint64" };
  return TEXT;
}

/**
 * What is wrong with keys as names of columns or of a struct's fields. Null: nothing. SQL does not tell names
 * apart by case (that of ASCII), knows no empty ones, and ends one where it has a NUL.
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
