import { ShardmillError } from "../core/errors.ts";

/** Protobuf message as `load-protos.ts` decodes it. Only this folder uses it. */
export type WireMessage = Readonly<Record<string, unknown>>;

const UINT32_MAX = 2 ** 32 - 1;

/** Checks `value` for a uint32 field. protobufjs would wrap larger numbers silently. */
export function uint32(value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > UINT32_MAX) {
    throw new ShardmillError("RPC_FAILED", `${value} does not fit a 32-bit count`, { fields: { value } });
  }
  return value;
}

/** Converts a duration for a uint32 field: whole, rounded up, and 0 if it is over. */
export function wholeMs(durationMs: number): number {
  return uint32(Math.max(0, Math.ceil(durationMs)));
}

/**
 * Received message, read field by field. Refuses invalid content with its place: a missing message, an unset
 * oneof, an unknown word, a too large count. Its size was checked before by `checkLimits`.
 */
export class WireReader {
  readonly #message: WireMessage;
  readonly #place: string;

  constructor(message: unknown, place: string) {
    if (!isMessage(message)) throw malformed(place, "is missing");
    this.#message = message;
    this.#place = place;
  }

  text(field: string): string {
    const value = this.#message[field];
    return typeof value === "string" ? value : this.fail(field, "is not a text");
  }

  /** Returns a list of texts. */
  texts(field: string): string[] {
    const value = this.#message[field];
    if (!Array.isArray(value)) return this.fail(field, "is not a list");
    return value.map((text) =>
      typeof text === "string" ? text : this.fail(field, "is not a list of texts"),
    );
  }

  /** Checks whether an optional field is set. */
  has(field: string): boolean {
    const value = this.#message[field];
    return value !== undefined && value !== null;
  }

  /** Returns the name of an enum's value. A value that this build does not know is returned as its number. */
  enumValue(field: string): string {
    const value = this.#message[field];
    if (typeof value === "string") return value;
    return typeof value === "number" ? String(value) : this.fail(field, "is not set");
  }

  /** Returns a text that must not be empty. */
  name(field: string): string {
    return this.text(field) || this.fail(field, "is empty");
  }

  oneOf<T extends string>(field: string, words: readonly T[]): T {
    const text = this.text(field);
    const word = words.find((candidate) => candidate === text);
    return word ?? this.fail(field, `is ${JSON.stringify(text)}, not one of ${words.join(", ")}`);
  }

  /** Returns a whole number from 0 to 2^53 - 1. */
  count(field: string): number {
    const value = this.#message[field];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      return this.fail(field, "is not a count below 2^53");
    }
    // Convert to a small integer if possible. A 64-bit number would otherwise be a heap object, and a
    // coordinator keeps millions of counts.
    return (value | 0) === value ? value | 0 : value;
  }

  number(field: string): number {
    const value = this.#message[field];
    return typeof value === "number" ? value : this.fail(field, "is not a number");
  }

  flag(field: string): boolean {
    const value = this.#message[field];
    return typeof value === "boolean" ? value : this.fail(field, "is not true or false");
  }

  bytes(field: string): Uint8Array {
    const value = this.#message[field];
    return value instanceof Uint8Array ? value : this.fail(field, "is not bytes");
  }

  message(field: string): WireReader {
    return new WireReader(this.#message[field], this.#at(field));
  }

  list(field: string): WireReader[] {
    const value = this.#message[field];
    if (!Array.isArray(value)) return this.fail(field, "is not a list");
    return value.map((item, index) => new WireReader(item, `${this.#at(field)}[${index}]`));
  }

  /** Returns the entries of a map field, unchecked. */
  entries(field: string): [key: string, value: unknown][] {
    const value = this.#message[field];
    return isMessage(value) ? Object.entries(value) : this.fail(field, "is not a map");
  }

  /** Returns the member of a oneof that is set. */
  which<T extends string>(oneof: string, members: readonly T[]): T {
    return this.#message[oneof] === undefined ? this.fail(oneof, "is not set") : this.oneOf(oneof, members);
  }

  fail(field: string, what: string): never {
    throw malformed(this.#at(field), what);
  }

  #at(field: string): string {
    return `${this.#place}.${field}`;
  }
}

export function isMessage(value: unknown): value is WireMessage {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

export function malformed(place: string, what: string): ShardmillError {
  return new ShardmillError("RPC_FAILED", `malformed message: ${place} ${what}`, { fields: { place } });
}
