import { Data, type DataType } from "apache-arrow";
import { packBits } from "../../../shared/dataset/bits.ts";
import { bufferList } from "../../../shared/dataset/gather.ts";
import { Growing } from "./growing.ts";
import type { JsonScanner } from "./json-scanner.ts";

const LETTER_N = 0x6e;

/** Value that the scanner passed: bytes `[start, end)`. `isEscaped` is true for a string with escapes. */
export interface JsonValue {
  readonly start: number;
  readonly end: number;
  readonly isEscaped: boolean;
}

/** Values of a column in Arrow's layout. */
export interface ColumnValues {
  readonly offsets?: Int32Array;
  readonly values?: ArrayBufferView;
  readonly children?: Data[];
}

/** Column that is built from successive JSON values. */
export abstract class JsonColumn {
  readonly type: DataType;
  protected readonly scanner: JsonScanner;
  readonly #isThere = new Growing(Uint8Array);
  #nulls = 0;

  constructor(type: DataType, scanner: JsonScanner) {
    this.type = type;
    this.scanner = scanner;
  }

  get length(): number {
    return this.#isThere.length;
  }

  /**
   * Appends a value.
   *
   * @returns false when the value is not of the column's type. Nothing is appended then.
   */
  append(value: JsonValue): boolean {
    if (this.scanner.bytes[value.start] === LETTER_N) {
      this.appendNull();
      return true;
    }
    const { length } = this;
    if (this.appendValue(value)) {
      this.#isThere.push(1);
      return true;
    }
    this.truncateValues(length);
    return false;
  }

  appendNull(): void {
    this.appendEmpty();
    this.#isThere.push(0);
    this.#nulls += 1;
  }

  /** Removes the rows from `length` on. */
  truncate(length: number): void {
    for (let row = length; row < this.length; row += 1) if (this.#isThere.array[row] === 0) this.#nulls -= 1;
    this.#isThere.truncate(length);
    this.truncateValues(length);
  }

  finish(): Data {
    const { offsets, values, children = [] } = this.finishValues();
    const validity = this.#nulls === 0 ? null : packBits(this.#isThere.values());
    return new Data(this.type, 0, this.length, this.#nulls, bufferList(offsets, values, validity), children);
  }

  /**
   * Appends a value other than null.
   *
   * @returns false when the value is of another type
   */
  protected abstract appendValue(value: JsonValue): boolean;
  /** Appends a placeholder for a null. */
  protected abstract appendEmpty(): void;
  protected abstract truncateValues(length: number): void;
  protected abstract finishValues(): ColumnValues;

  /** Returns the value's text, which must be ASCII. */
  protected ascii({ start, end }: JsonValue): string {
    return this.scanner.bytes.toString("latin1", start, end);
  }
}
