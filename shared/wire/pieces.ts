import protobuf from "protobufjs";
import type { Method } from "./method.ts";

/** Field of type `bytes`, whose value is in pieces. */
interface BytesField {
  /** Number in the proto file. */
  readonly id: number;
  readonly value: readonly Uint8Array[];
}

/** Wire type of values with their length in front. */
const LENGTH_DELIMITED = 2;

/** Bytes before a message in gRPC: one of flags, and four of the length. */
const PREFIX_BYTES = 5;

/** Largest piece that is joined with its neighbours. Sending a piece costs as much as copying some KiB. */
const MOST_JOINED_BYTES = 4 << 10;

/** Encoded message. The pieces are sent as they are in memory, and must not change until they are sent. */
export class Pieces {
  readonly #pieces: readonly Uint8Array[];

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces;
  }

  /** Returns the message as one piece. */
  join(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /**
   * Returns the message with the prefix of gRPC. Small pieces are joined, and large ones not copied. None is
   * empty: HTTP/2 calls back for an empty one before it has sent those in front of it.
   */
  framed(): readonly Uint8Array[] {
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(bytesOf(this.#pieces), 1);
    const framed: Uint8Array[] = [];
    let small: Uint8Array[] = [];
    const flush = () => {
      if (small.length > 0) framed.push(Buffer.concat(small));
      small = [];
    };
    for (const piece of [prefix, ...this.#pieces]) {
      if (piece.length <= MOST_JOINED_BYTES) {
        if (piece.length > 0) small.push(piece);
        continue;
      }
      flush();
      framed.push(piece);
    }
    flush();
    return framed;
  }
}

/** Encodes a message of `bytes` fields, given in the order of their numbers. Copies no value. */
export function encodeBytesFields(fields: readonly BytesField[]): Pieces {
  return new Pieces(
    fields.flatMap(({ id, value }) => {
      const tag = (id << 3) | LENGTH_DELIMITED;
      return [protobuf.Writer.create().uint32(tag).uint32(bytesOf(value)).finish(), ...value];
    }),
  );
}

/** Returns a method whose response codec encodes to `{ pieces }`, instead of fields of the proto file. */
export function respondInPieces<Request, Response>(
  method: Method<Request, Response>,
): Method<Request, Response> {
  const responseSerialize = (message: object) => piecesIn(message)?.join() ?? Buffer.alloc(0);
  return { ...method, definition: { ...method.definition, responseSerialize } };
}

/** Returns the pieces of such a response. Null: it is another message. */
export function piecesIn(message: unknown): Pieces | null {
  const { pieces } = (message ?? {}) as { readonly pieces?: unknown };
  return pieces instanceof Pieces ? pieces : null;
}

function bytesOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((bytes, { length }) => bytes + length, 0);
}
