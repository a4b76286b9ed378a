import { type Data, type DataType, Precision, Type } from "apache-arrow";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { Bits } from "../../shared/dataset/bits.ts";
import { type Offsets, offsetsOf } from "../../shared/dataset/offsets.ts";
import type { NumericType } from "../../shared/domain/dataset.ts";

export type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array;

/** Innermost values of a column, as stored in memory. Index i of the leaf is the i-th value. */
export type Leaf =
  | {
      readonly kind: "numbers";
      readonly type: Exclude<NumericType, "float16" | "int64" | "uint64" | "bool">;
      readonly values: NumberArray;
    }
  /** Raw bits of half-precision floats. */
  | { readonly kind: "half"; readonly type: "float16"; readonly values: Uint16Array }
  /** Two 32-bit words for each value, low word first, which avoids BigInts. */
  | { readonly kind: "wide"; readonly type: "int64" | "uint64"; readonly words: Int32Array }
  | { readonly kind: "bits"; readonly type: "bool"; readonly bits: Bits }
  /** UTF-8 texts: text i is bytes `[offsets[i], offsets[i + 1])`. */
  | { readonly kind: "text"; readonly type: "string"; readonly offsets: Offsets; readonly bytes: Uint8Array };

/**
 * Returns the values of a column of numbers, bytes or texts. Values of a slice are already cut. Only bitmaps
 * keep their offset.
 *
 * @throws {INPUT_UNSUPPORTED} for a type that cannot feed a model
 */
export function openLeaf(data: Data<DataType>): Leaf {
  const values: unknown = data.values ?? new Uint8Array(0);
  switch (data.typeId) {
    case Type.Bool:
      if (values instanceof Uint8Array)
        return { kind: "bits", type: "bool", bits: { bytes: values, offset: data.offset } };
      break;
    case Type.Utf8:
    case Type.LargeUtf8:
      if (values instanceof Uint8Array)
        return { kind: "text", type: "string", offsets: offsetsOf(data), bytes: values };
      break;
    case Type.Binary:
    case Type.LargeBinary:
    case Type.FixedSizeBinary:
      if (values instanceof Uint8Array) return { kind: "numbers", type: "uint8", values };
      break;
    case Type.Int:
    case Type.Float: {
      const leaf = numericLeaf(values, isHalf(data.type));
      if (leaf !== null) return leaf;
      break;
    }
  }
  throw new ShardmillError("INPUT_UNSUPPORTED", `a column of type ${data.type} cannot feed a model`);
}

function isHalf(type: DataType): boolean {
  return type.typeId === Type.Float && "precision" in type && type.precision === Precision.HALF;
}

function numericLeaf(values: unknown, half: boolean): Leaf | null {
  if (values instanceof Uint16Array)
    return half ? { kind: "half", type: "float16", values } : { kind: "numbers", type: "uint16", values };
  if (values instanceof Float32Array) return { kind: "numbers", type: "float32", values };
  if (values instanceof Float64Array) return { kind: "numbers", type: "float64", values };
  if (values instanceof Int8Array) return { kind: "numbers", type: "int8", values };
  if (values instanceof Int16Array) return { kind: "numbers", type: "int16", values };
  if (values instanceof Int32Array) return { kind: "numbers", type: "int32", values };
  if (values instanceof Uint8Array) return { kind: "numbers", type: "uint8", values };
  if (values instanceof Uint32Array) return { kind: "numbers", type: "uint32", values };
  if (values instanceof BigInt64Array) return { kind: "wide", type: "int64", words: wordsOf(values) };
  if (values instanceof BigUint64Array) return { kind: "wide", type: "uint64", words: wordsOf(values) };
  return null;
}

export function wordsOf(values: BigInt64Array | BigUint64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2);
}

/** Returns raw little-endian bytes as values of `type`. Unaligned bytes are copied. */
export function leafOfBytes(bytes: Uint8Array, type: NumericType): Leaf {
  if (type === "bool" || type === "uint8") return { kind: "numbers", type: "uint8", values: bytes };
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const count = (width: number) => bytes.length / width;
  const { buffer, byteOffset } = aligned;
  switch (type) {
    case "float16":
      return { kind: "half", type, values: new Uint16Array(buffer, byteOffset, count(2)) };
    case "int64":
    case "uint64":
      return { kind: "wide", type, words: new Int32Array(buffer, byteOffset, count(4)) };
    case "float32":
      return { kind: "numbers", type, values: new Float32Array(buffer, byteOffset, count(4)) };
    case "float64":
      return { kind: "numbers", type, values: new Float64Array(buffer, byteOffset, count(8)) };
    case "int8":
      return { kind: "numbers", type, values: new Int8Array(buffer, byteOffset, count(1)) };
    case "int16":
      return { kind: "numbers", type, values: new Int16Array(buffer, byteOffset, count(2)) };
    case "int32":
      return { kind: "numbers", type, values: new Int32Array(buffer, byteOffset, count(4)) };
    case "uint16":
      return { kind: "numbers", type, values: new Uint16Array(buffer, byteOffset, count(2)) };
    case "uint32":
      return { kind: "numbers", type, values: new Uint32Array(buffer, byteOffset, count(4)) };
  }
}
