import { type Data, type Dictionary, makeData, vectorFromArray } from "apache-arrow";
import { present } from "../core/assert.ts";
import { cellReader } from "./cell-reader.ts";

interface Base {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array | null;
}

/**
 * Joins dictionary-encoded pieces under one dictionary. Keeps values in the order of first use, and drops
 * unused ones. Undefined: the values exceed the column's keys.
 */
export function combineDictionaries(type: Dictionary, parts: readonly Data[], base: Base): Data | undefined {
  const indices = new type.indices.ArrayType(base.length);
  const indexOf = new Map<string, number>();
  const values: unknown[] = [];
  let row = 0;
  for (const part of parts) {
    const valueAt = cellReader(present(part.dictionary, "a dictionary has values"));
    const translated = new Map<number, number>();
    for (let index = 0; index < part.length; index += 1, row += 1) {
      if (!part.getValid(index)) continue;
      const key = Number(part.values[index]);
      let joined = translated.get(key);
      if (joined === undefined) {
        joined = numberOf(valueAt(key), indexOf, values);
        translated.set(key, joined);
      }
      indices[row] = joined;
    }
  }
  const keyBits = type.indices.bitWidth - (type.indices.isSigned ? 1 : 0);
  if (values.length > 2 ** keyBits) return undefined;
  return makeData({ ...base, type, data: indices, dictionary: vectorFromArray(values, type.dictionary) });
}

function numberOf(value: unknown, indexOf: Map<string, number>, values: unknown[]): number {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value);
  const known = indexOf.get(text);
  if (known !== undefined) return known;
  indexOf.set(text, values.length);
  values.push(value);
  return values.length - 1;
}
