/** A line that is not JSON as RFC 8259 has it. */
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
 * Walks over JSON in bytes that are UTF-8, and accepts exactly what `JSON.parse` does. It makes no values: it
 * gives the place of each. Its recursion goes as deep as the lists and objects do.
 */
export class JsonScanner {
  readonly bytes: Buffer;
  /** The place of the next byte. */
  at = 0;
  /** The place of the last value that was passed. */
  valueStart = 0;
  valueEnd = 0;
  /** Whether that value is a string with an escape. */
  isEscaped = false;
  #end = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** @throws {JsonFault} when bytes `[start, end)` are not one value */
  passLine(start: number, end: number): void {
    this.at = start;
    this.#end = end;
    this.passValue();
    this.skipBlanks();
    if (this.at !== end) throw new JsonFault();
  }

  /** Starts within a list or an object that was passed before. */
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
   * Passes the next key and its colon. `valueStart` and `valueEnd` are the key's.
   *
   * @returns whether there is one; else the object has ended
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

  /** Passes what stands before the next item of a list. @returns whether there is one; else the list ended */
  passItemStart(isFirst: boolean): boolean {
    return this.#passSeparator(isFirst, CLOSE_LIST);
  }

  /** The value that was passed last. */
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

  /** The next byte, 0 behind the last one. */
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
