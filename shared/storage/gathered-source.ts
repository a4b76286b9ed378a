import { setImmediate } from "node:timers/promises";
import { deferred } from "../core/abort.ts";
import { type ByteRange, planRanges } from "./plan-ranges.ts";
import type { ByteSource } from "./storage.ts";

interface WantedBytes extends ByteRange {
  resolve(bytes: Uint8Array): void;
  reject(error: unknown): void;
}

/**
 * Wraps a remote source: gathers the ranges requested in one turn, and reads them by `planRanges`. A decoder
 * requests all columns of a row group at once.
 */
export function gatheredSource(source: ByteSource): ByteSource {
  const waiting = new Map<AbortSignal | undefined, WantedBytes[]>();
  const ask = async (signal: AbortSignal) => {
    // A caller of several ranges requests them in one turn of the event loop.
    await setImmediate();
    const wanted = waiting.get(signal) ?? [];
    waiting.delete(signal);
    const pieces = planRanges(wanted).map(({ start, end }) => ({
      start,
      end,
      bytes: source.read(start, end, signal),
    }));
    // Each reader of a piece handles its failure.
    for (const { bytes } of pieces) bytes.catch(() => {});
    for (const one of wanted) {
      const isAlone = wanted.every((other) => other === one || !overlap(other, one));
      void takeFrom(pieces, one, isAlone).then(one.resolve, one.reject);
    }
  };
  return {
    path: source.path,
    bytes: source.bytes,
    read(start, end, signal) {
      if (start >= end) return source.read(start, end, signal);
      const { promise, resolve, reject } = deferred<Uint8Array>();
      const before = waiting.get(signal);
      if (before === undefined) {
        waiting.set(signal, [{ start, end, resolve, reject }]);
        void ask(signal);
      } else before.push({ start, end, resolve, reject });
      return promise;
    },
  };
}

interface Piece extends ByteRange {
  readonly bytes: Promise<Uint8Array>;
}

/** @param isAlone true when no other range overlaps: the reader owns its bytes and may change them */
async function takeFrom(pieces: readonly Piece[], wanted: ByteRange, isAlone: boolean): Promise<Uint8Array> {
  const { start, end } = wanted;
  const own = pieces.filter((piece) => overlap(piece, wanted));
  const [first] = own;
  // Most ranges are requested whole, and their bytes need no copy.
  if (isAlone && own.length === 1 && first?.start === start && first.end === end) return await first.bytes;
  const into = new Uint8Array(end - start);
  await Promise.all(
    own.map(async (piece) => {
      const bytes = await piece.bytes;
      const from = Math.max(start, piece.start);
      const part = bytes.subarray(from - piece.start, Math.min(end, piece.end) - piece.start);
      into.set(part, from - start);
    }),
  );
  return into;
}

function overlap(a: ByteRange, b: ByteRange): boolean {
  return a.start < b.end && a.end > b.start;
}
