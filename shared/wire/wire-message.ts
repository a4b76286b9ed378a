import { ShardmillError } from "../core/errors.ts";

/** A protobuf message as proto-loader takes it and gives it. Stays inside this folder. */
export type WireMessage = Readonly<Record<string, unknown>>;

const UINT32_MAX = 2 ** 32 - 1;

/** `value` for a uint32 field: protobufjs would wrap a larger one around without a word. */
export function uint32(value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > UINT32_MAX) {
    throw new ShardmillError("RPC_FAILED", `${value} does not fit a 32-bit count`, { fields: { value } });
  }
  return value;
}

/** A duration for a uint32 field: whole, never too short, and 0 where it is over already. */
export function wholeMs(durationMs: number): number {
  return uint32(Math.max(0, Math.ceil(durationMs)));
}

/**
 * A received message, read field by field. Whatever is not as the domain has it (a missing message, an unset
 * oneof, an unknown word, a count beyond 2^53) is refused with its place, and never passed on. How much a
 * caller may send is checked before: see `checkLimits`.
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

  /** A list of texts. */
  texts(field: string): string[] {
    const value = this.#message[field];
    if (!Array.isArray(value)) return this.fail(field, "is not a list");
    return value.map((text) =>
      typeof text === "string" ? text : this.fail(field, "is not a list of texts"),
    );
  }

  /** Whether a field that may be left out is there. */
  has(field: string): boolean {
    const value = this.#message[field];
    return value !== undefined && value !== null;
  }

  /** The name of an enum's value; the number of one that this build does not know. */
  enumValue(field: string): string {
    const value = this.#message[field];
    if (typeof value === "string") return value;
    return typeof value === "number" ? String(value) : this.fail(field, "is not set");
  }

  /** A text that may not be empty. */
  name(field: string): string {
    return this.text(field) || this.fail(field, "is empty");
  }

  oneOf<T extends string>(field: string, words: readonly T[]): T {
    const text = this.text(field);
    const word = words.find((candidate) => candidate === text);
    return word ?? this.fail(field, `is ${JSON.stringify(text)}, not one of ${words.join(", ")}`);
  }

  /** A whole number from 0 to 2^53 - 1. */
  count(field: string): number {
    const value = this.#message[field];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      return this.fail(field, "is not a count below 2^53");
    }
    // Where it fits it is made a small integer: one that came as 64 bits would else be an object of its own
    // for as long as it is kept, and a coordinator keeps millions of counts.
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

  /** The entries of a map field, as they are. */
  entries(field: string): [key: string, value: unknown][] {
    const value = this.#message[field];
    return isMessage(value) ? Object.entries(value) : this.fail(field, "is not a map");
  }

  /** Which member of a oneof is set. */
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
