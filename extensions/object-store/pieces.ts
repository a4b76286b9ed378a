import type { HttpRequest } from "../../shared/http/messages.ts";

/** Bytes `[start, start + bytes.length)` of an object. */
export interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** Divides a body into pieces. A piece is valid until the next one is requested. */
export async function* piecesOf(
  body: NonNullable<HttpRequest["body"]>,
  pieceBytes: number,
): AsyncGenerator<Piece> {
  const held = Buffer.allocUnsafe(Math.min(pieceBytes, body.bytes));
  let start = 0;
  let filled = 0;
  for await (const chunk of body.chunks()) {
    for (let taken = 0; taken < chunk.length; ) {
      const some = chunk.subarray(taken, taken + held.length - filled);
      held.set(some, filled);
      filled += some.length;
      taken += some.length;
      if (filled < held.length) continue;
      yield { start, bytes: held };
      start += filled;
      filled = 0;
    }
  }
  if (filled > 0) yield { start, bytes: held.subarray(0, filled) };
}
