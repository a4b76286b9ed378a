/** Error for a line that is not JSON by RFC 8259. */
export class JsonFault extends Error {
  override readonly name = "JsonFault";
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
export const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
export const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COLON = 0x3a;
const COMMA = 0x2c;
const LETTER_U = 0x75;

const ESCAPES = new Set(Array.from('"\\/bfnrtu', (letter) => letter.charCodeAt(0)));
const LITERALS = [
  ["t", "true"],
  ["f", "false"],
  ["n", "null"],
].map(([first = "", word = ""]) => ({ first: first.charCodeAt(0), bytes: Buffer.from(word) }));

/**
 * Scanner of JSON in UTF-8 bytes, which accepts exactly what `JSON.parse` does. It reports the offsets of
 * values and makes none. Its recursion is as deep as the lists and objects.
 */
export class JsonScanner {
  readonly bytes: Buffer;
  /** Offset of the next byte. */
  at = 0;
  /** Offsets of the last value. */
  valueStart = 0;
  valueEnd = 0;
  /** True when the last value is a string with an escape. */
  isEscaped = false;
  #end = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** @throws {JsonFault} when bytes `[start, end)` are not exactly one value */
  passLine(start: number, end: number): void {
    this.at = start;
    this.#end = end;
    this.passValue();
    this.skipBlanks();
    if (this.at !== end) throw new JsonFault();
  }

  /** Enters a list or an object that was passed before. */
  enter(opening: number): void {
    this.at = opening + 1;
  }

  /** Passes a value and the blanks before it. */
  passValue(): void {
    this.skipBlanks();
    const start = this.at;
    const byte = this.#peek();
    this.isEscaped = false;
    if (byte === QUOTE) this.#passString();
    else if (byte === MINUS || (byte >= ZERO && byte <= NINE)) this.#passNumber();
    else if (byte === OPEN_OBJECT) this.#passObject();
    else if (byte === OPEN_LIST) this.#passList();
    else this.#passLiteral(byte);
    this.valueStart = start;
    this.valueEnd = this.at;
  }

  /**
   * Passes the next key and its colon. `valueStart` and `valueEnd` are then the key's.
   *
   * @returns false when the object has ended
   */
  passKey(isFirst: boolean): boolean {
    if (!this.#passSeparator(isFirst, CLOSE_OBJECT)) return false;
    if (this.#peek() !== QUOTE) throw new JsonFault();
    const start = this.at;
    this.isEscaped = false;
    this.#passString();
    this.valueStart = start;
    this.valueEnd = this.at;
    this.skipBlanks();
    this.#take(COLON);
    return true;
  }

  /**
   * Passes the separator before the next item of a list.
   *
   * @returns false when the list has ended
   */
  passItemStart(isFirst: boolean): boolean {
    return this.#passSeparator(isFirst, CLOSE_LIST);
  }

  /** Returns the last value. */
  value(): { readonly start: number; readonly end: number; readonly isEscaped: boolean } {
    return { start: this.valueStart, end: this.valueEnd, isEscaped: this.isEscaped };
  }

  skipBlanks(): void {
    for (;;) {
      const byte = this.bytes[this.at];
      if (this.at >= this.#end || (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)) return;
      this.at += 1;
    }
  }

  #passSeparator(isFirst: boolean, closing: number): boolean {
    this.skipBlanks();
    const byte = this.#peek();
    if (byte === closing) {
      this.at += 1;
      return false;
    }
    if (isFirst) return true;
    this.#take(COMMA);
    this.skipBlanks();
    return true;
  }

  #passObject(): void {
    this.at += 1;
    for (let isFirst = true; this.passKey(isFirst); isFirst = false) this.passValue();
    this.isEscaped = false;
  }

  #passList(): void {
    this.at += 1;
    for (let isFirst = true; this.passItemStart(isFirst); isFirst = false) this.passValue();
    this.isEscaped = false;
  }

  #passString(): void {
    const { bytes } = this;
    const end = this.#end;
    let at = this.at + 1;
    for (;;) {
      if (at >= end) throw new JsonFault();
      const byte = bytes[at] ?? 0;
      at += 1;
      if (byte === QUOTE) break;
      if (byte < 0x20) throw new JsonFault();
      if (byte === BACKSLASH) at = this.#behindEscape(at);
    }
    this.at = at;
  }

  #behindEscape(at: number): number {
    const { bytes } = this;
    this.isEscaped = true;
    const byte = bytes[at] ?? 0;
    if (at >= this.#end || !ESCAPES.has(byte)) throw new JsonFault();
    if (byte !== LETTER_U) return at + 1;
    for (let digit = at + 1; digit < at + 5; digit += 1)
      if (digit >= this.#end || !isHex(bytes[digit] ?? 0)) throw new JsonFault();
    return at + 5;
  }

  #passNumber(): void {
    if (this.#peek() === MINUS) this.at += 1;
    if (this.#peek() === ZERO) this.at += 1;
    else this.#passDigits();
    if (this.#peek() === POINT) {
      this.at += 1;
      this.#passDigits();
    }
    if ((this.#peek() | 0x20) !== 0x65) return;
    this.at += 1;
    const sign = this.#peek();
    if (sign === MINUS || sign === PLUS) this.at += 1;
    this.#passDigits();
  }

  #passDigits(): void {
    const start = this.at;
    while (isDigit(this.#peek())) this.at += 1;
    if (this.at === start) throw new JsonFault();
  }

  #passLiteral(first: number): void {
    const literal = LITERALS.find((each) => each.first === first);
    if (literal === undefined) throw new JsonFault();
    for (const byte of literal.bytes) this.#take(byte);
  }

  #take(byte: number): void {
    if (this.#peek() !== byte) throw new JsonFault();
    this.at += 1;
  }

  /** Returns the next byte, or 0 after the last one. */
  #peek(): number {
    return this.at < this.#end ? (this.bytes[this.at] ?? 0) : 0;
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function isHex(byte: number): boolean {
  const letter = byte | 0x20;
  return isDigit(byte) || (letter >= 0x61 && letter <= 0x66);
}
