import { Growing, offsetsBefore } from "./growing.ts";
import { dayOf, microsOf } from "./iso-time.ts";
import { type ColumnValues, JsonColumn, type JsonValue } from "./json-column.ts";

const QUOTE = 0x22;
/** Half of a surrogate pair, which UTF-8 cannot encode. */
const HALF_PAIR = /\p{Surrogate}/u;

/** Column of texts. A value that is not a string becomes its JSON text, so numbers keep their notation. */
export class TextColumn extends JsonColumn {
  readonly #bytes = new Growing(Uint8Array);
  /** End of each text. */
  readonly #ends = new Growing(Int32Array);

  protected appendValue({ start, end, isEscaped }: JsonValue): boolean {
    const { bytes } = this.scanner;
    if (!isEscaped) {
      const quotes = bytes[start] === QUOTE ? 1 : 0;
      this.#push(bytes, start + quotes, end - quotes);
      return true;
    }
    const text = String(JSON.parse(bytes.toString("utf8", start, end)));
    if (HALF_PAIR.test(text)) return false;
    const encoded = Buffer.from(text);
    this.#push(encoded, 0, encoded.length);
    return true;
  }

  protected appendEmpty(): void {
    this.#ends.push(this.#bytes.length);
  }

  protected truncateValues(length: number): void {
    this.#ends.truncate(length);
    this.#bytes.truncate(length === 0 ? 0 : (this.#ends.array[length - 1] ?? 0));
  }

  protected finishValues(): ColumnValues {
    return { offsets: offsetsBefore(this.#ends), values: this.#bytes.values() };
  }

  #push(bytes: Buffer, start: number, end: number): void {
    this.#bytes.reserve(end - start);
    bytes.copy(this.#bytes.array, this.#bytes.length, start, end);
    this.#bytes.length += end - start;
    this.#ends.push(this.#bytes.length);
  }
}

export class DateColumn extends JsonColumn {
  readonly #days = new Growing(Int32Array);

  protected appendValue(value: JsonValue): boolean {
    const day = dayOf(this.ascii({ ...value, start: value.start + 1, end: value.end - 1 }));
    if (day === null || this.scanner.bytes[value.start] !== QUOTE) return false;
    this.#days.push(day);
    return true;
  }

  protected appendEmpty(): void {
    this.#days.push(0);
  }

  protected truncateValues(length: number): void {
    this.#days.truncate(length);
  }

  protected finishValues(): ColumnValues {
    return { values: this.#days.values() };
  }
}

/** Column of timestamps in microseconds of UTC. */
export class TimestampColumn extends JsonColumn {
  #micros: bigint[] = [];

  protected appendValue(value: JsonValue): boolean {
    const micros = microsOf(this.ascii({ ...value, start: value.start + 1, end: value.end - 1 }));
    if (micros === null || this.scanner.bytes[value.start] !== QUOTE) return false;
    this.#micros.push(micros);
    return true;
  }

  protected appendEmpty(): void {
    this.#micros.push(0n);
  }

  protected truncateValues(length: number): void {
    this.#micros.length = length;
  }

  protected finishValues(): ColumnValues {
    return { values: BigInt64Array.from(this.#micros) };
  }
}
