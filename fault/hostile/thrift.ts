/**
 * The part of Thrift's compact protocol that Parquet uses, written without any check, for files that lie.
 * Format: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export interface ThriftValue {
  readonly type: number;
  readonly bytes: Buffer;
}

const TYPE = { i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;

export function i32(value: number): ThriftValue {
  return { type: TYPE.i32, bytes: varint(zigzag(BigInt(value))) };
}

export function i64(value: bigint | number): ThriftValue {
  return { type: TYPE.i64, bytes: varint(zigzag(BigInt(value))) };
}

export function text(value: string): ThriftValue {
  const bytes = Buffer.from(value);
  return { type: TYPE.binary, bytes: Buffer.concat([varint(BigInt(bytes.length)), bytes]) };
}

/** @param count length that the list claims. Default: the real one */
export function list(items: readonly ThriftValue[], count: number = items.length): ThriftValue {
  const type = items[0]?.type ?? TYPE.struct;
  const head =
    count < 15
      ? Buffer.of((count << 4) | type)
      : Buffer.concat([Buffer.of(0xf0 | type), varint(BigInt(count))]);
  return { type: TYPE.list, bytes: Buffer.concat([head, ...items.map(({ bytes }) => bytes)]) };
}

/** Encodes fields by their numbers, in ascending order. */
export function struct(fields: Readonly<Record<number, ThriftValue>>): ThriftValue {
  const parts: Buffer[] = [];
  let last = 0;
  for (const [key, { type, bytes }] of Object.entries(fields)) {
    const id = Number(key);
    const delta = id - last;
    parts.push(
      delta <= 15
        ? Buffer.of((delta << 4) | type)
        : Buffer.concat([Buffer.of(type), varint(zigzag(BigInt(id)))]),
      bytes,
    );
    last = id;
  }
  return { type: TYPE.struct, bytes: Buffer.concat([...parts, Buffer.of(0)]) };
}

export function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function zigzag(value: bigint): bigint {
  return value >= 0n ? value << 1n : (-value << 1n) - 1n;
}
