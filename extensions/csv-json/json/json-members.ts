import type { JsonScanner } from "./json-scanner.ts";

interface SeenKey {
  readonly bytes: Uint8Array;
  readonly member: number;
}

/**
 * Finder of the requested members of objects. Objects of a file mostly have the same keys in the same order.
 * So each key is first compared with the previous object's key at its position.
 */
export class JsonMembers {
  /** Offsets of the values, or -1 for a missing member. A repeated key has its last value. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly areEscaped: Uint8Array;
  readonly #scanner: JsonScanner;
  readonly #memberOf: ReadonlyMap<string, number>;
  readonly #seen: SeenKey[] = [];

  constructor(names: readonly string[], scanner: JsonScanner) {
    this.#scanner = scanner;
    this.#memberOf = new Map(names.map((name, member) => [name, member]));
    this.starts = new Int32Array(names.length);
    this.ends = new Int32Array(names.length);
    this.areEscaped = new Uint8Array(names.length);
  }

  /** Finds the members of the object that opens at this offset. */
  find(opening: number): void {
    const scanner = this.#scanner;
    this.starts.fill(-1);
    scanner.enter(opening);
    for (let key = 0; scanner.passKey(key === 0); key += 1) {
      const member = this.#memberAt(key);
      scanner.passValue();
      if (member < 0) continue;
      this.starts[member] = scanner.valueStart;
      this.ends[member] = scanner.valueEnd;
      this.areEscaped[member] = scanner.isEscaped ? 1 : 0;
    }
  }

  /** Returns the member of the scanner's last key. -1: not requested. */
  #memberAt(key: number): number {
    const { bytes, valueStart, valueEnd, isEscaped } = this.#scanner;
    const seen = this.#seen[key];
    if (seen !== undefined && isSame(seen.bytes, bytes, valueStart, valueEnd)) return seen.member;
    const quoted = bytes.toString("utf8", valueStart, valueEnd);
    const name: unknown = isEscaped ? JSON.parse(quoted) : quoted.slice(1, -1);
    const member = this.#memberOf.get(String(name)) ?? -1;
    this.#seen[key] = { bytes: bytes.subarray(valueStart, valueEnd), member };
    return member;
  }
}

function isSame(seen: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (seen.length !== end - start) return false;
  for (let at = 0; at < seen.length; at += 1) if (seen[at] !== bytes[start + at]) return false;
  return true;
}
