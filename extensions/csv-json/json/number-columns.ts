import type { DataType } from "apache-arrow";
import { packBits } from "../../../shared/dataset/bits.ts";
import { fitsDtype } from "../../../shared/domain/dtype-range.ts";
import { DTYPE_ARRAYS, type Dtype } from "../../../shared/domain/tensor.ts";
import { Growing, type GrowingArray } from "./growing.ts";
import { type ColumnValues, JsonColumn, type JsonValue } from "./json-column.ts";
import type { JsonScanner } from "./json-scanner.ts";

const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const LETTER_T = 0x74;
const LETTER_F = 0x66;
const TWO_32 = 2 ** 32;

/** Digits of an integer that float64 always represents exactly. */
const PLAIN_DIGITS = 15;

export class BoolColumn extends JsonColumn {
  readonly #values = new Growing(Uint8Array);

  protected appendValue({ start }: JsonValue): boolean {
    const first = this.scanner.bytes[start];
    if (first !== LETTER_T && first !== LETTER_F) return false;
    this.#values.push(first === LETTER_T ? 1 : 0);
    return true;
  }

  protected appendEmpty(): void {
    this.#values.push(0);
  }

  protected truncateValues(length: number): void {
    this.#values.truncate(length);
  }

  protected finishValues(): ColumnValues {
    return { values: packBits(this.#values.values()) };
  }
}

type PlainDtype = Exclude<Dtype, "int64" | "uint64" | "float16" | "bool">;

/** Column of floats, and of integers up to 32 bits. */
export class NumberColumn extends JsonColumn {
  readonly #values: Growing<GrowingArray>;
  readonly #dtype: PlainDtype;

  constructor(type: DataType, scanner: JsonScanner, dtype: PlainDtype) {
    super(type, scanner);
    this.#dtype = dtype;
    this.#values = new Growing<GrowingArray>(DTYPE_ARRAYS[dtype]);
  }

  protected appendValue(value: JsonValue): boolean {
    const number = this.#dtype.startsWith("float") ? this.#float(value) : this.#whole(value);
    if (number === null || !fitsDtype(number, this.#dtype)) return false;
    this.#values.push(number);
    return true;
  }

  protected appendEmpty(): void {
    this.#values.push(0);
  }

  protected truncateValues(length: number): void {
    this.#values.truncate(length);
  }

  protected finishValues(): ColumnValues {
    return { values: this.#values.values() };
  }

  /** Reads a float. A number too large for float64 is invalid, because JSON has no infinity. */
  #float(value: JsonValue): number | null {
    const { bytes } = this.scanner;
    const plain = plainNumber(bytes, value);
    // `plainNumber` loses the sign of zero, so zero is parsed from its text.
    if (plain !== null && plain !== 0) return plain;
    if (!isNumber(bytes, value.start)) return null;
    const number = Number(this.ascii(value));
    return Number.isFinite(number) ? number : null;
  }

  #whole(value: JsonValue): number | null {
    const { bytes } = this.scanner;
    const plain = plainNumber(bytes, value);
    if (plain !== null || !isNumber(bytes, value.start)) return plain;
    const whole = wholeNumber(this.ascii(value));
    return whole === null ? null : Number(whole);
  }
}

/** Column of 64-bit integers, stored as two words each. */
export class WideColumn extends JsonColumn {
  readonly #words = new Growing(Int32Array);
  readonly #isSigned: boolean;

  constructor(type: DataType, scanner: JsonScanner, isSigned: boolean) {
    super(type, scanner);
    this.#isSigned = isSigned;
  }

  protected appendValue(value: JsonValue): boolean {
    const { bytes } = this.scanner;
    const plain = plainNumber(bytes, value);
    if (plain !== null) {
      if (plain < 0 && !this.#isSigned) return false;
      const high = Math.floor(plain / TWO_32);
      this.#push(plain - high * TWO_32, high);
      return true;
    }
    const whole = isNumber(bytes, value.start) ? wholeNumber(this.ascii(value)) : null;
    if (whole === null || wrapped(whole, this.#isSigned) !== whole) return false;
    this.#push(Number(BigInt.asUintN(32, whole)), Number(BigInt.asIntN(32, whole >> 32n)));
    return true;
  }

  protected appendEmpty(): void {
    this.#push(0, 0);
  }

  protected truncateValues(length: number): void {
    this.#words.truncate(2 * length);
  }

  protected finishValues(): ColumnValues {
    const { buffer } = this.#words.values();
    return { values: this.#isSigned ? new BigInt64Array(buffer) : new BigUint64Array(buffer) };
  }

  #push(low: number, high: number): void {
    this.#words.push(low);
    this.#words.push(high);
  }
}

function wrapped(value: bigint, isSigned: boolean): bigint {
  return isSigned ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
}

function isNumber(bytes: Uint8Array, start: number): boolean {
  const byte = bytes[start] ?? 0;
  return byte === MINUS || (byte >= ZERO && byte <= NINE);
}

/** Reads an integer of few digits in plain notation. Null: another value. */
function plainNumber(bytes: Uint8Array, { start, end }: JsonValue): number | null {
  const isNegative = bytes[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  if (end - first > PLAIN_DIGITS) return null;
  let number = 0;
  for (let at = first; at < end; at += 1) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return null;
    number = number * 10 + digit;
  }
  return isNegative ? 0 - number : number;
}

const NOTATION = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Most digits of any integer type. */
const MOST_DIGITS = 20;

/**
 * Reads a JSON number as an integer, exactly, in every notation: `12`, `12.0`, `1.2e1`, `120e-1`.
 *
 * @returns null for a fraction, or for more digits than any integer type has
 */
function wholeNumber(text: string): bigint | null {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = NOTATION.exec(text) ?? [];
  const digits = withoutZeros(whole + fraction);
  if (digits.text === "") return 0n;
  // Trailing zeros only move the decimal point.
  const zeros = Number(exponent) - fraction.length + digits.trailing;
  if (zeros < 0 || digits.text.length + zeros > MOST_DIGITS) return null;
  return BigInt(sign + digits.text + "0".repeat(zeros));
}

/** Removes leading and trailing zeros, and counts the trailing ones. */
function withoutZeros(digits: string): { readonly text: string; readonly trailing: number } {
  let start = 0;
  let end = digits.length;
  while (start < end && digits[start] === "0") start += 1;
  while (end > start && digits[end - 1] === "0") end -= 1;
  return { text: digits.slice(start, end), trailing: digits.length - end };
}
