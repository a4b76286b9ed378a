import { varint } from "./thrift.ts";

/** Protobuf fields, written without any check, for models that lie. */
export function number(field: number, value: bigint | number): Buffer {
  return Buffer.concat([varint(BigInt(field * 8)), varint(BigInt(value))]);
}

/** @param bytes length that the field claims. Default: the real one */
export function content(field: number, inner: Buffer | string, bytes?: number): Buffer {
  const held = Buffer.from(inner);
  return Buffer.concat([varint(BigInt(field * 8 + 2)), varint(BigInt(bytes ?? held.length)), held]);
}

export function message(field: number, ...parts: readonly Buffer[]): Buffer {
  return content(field, Buffer.concat(parts));
}
