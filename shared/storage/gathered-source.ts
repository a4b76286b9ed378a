import { setImmediate } from "node:timers/promises";
import { deferred } from "../core/abort.ts";
import { type ByteRange, planRanges } from "./plan-ranges.ts";
import type { ByteSource } from "./storage.ts";

interface WantedBytes extends ByteRange {
  resolve(bytes: Uint8Array): void;
  reject(error: unknown): void;
}

/**
 * A source far away, of which ranges that are wanted in one moment are asked for together: see `planRanges`.
 * A decoder wants all columns of a row group at once.
 */
export function gatheredSource(source: ByteSource): ByteSource {
  const waiting = new Map<AbortSignal | undefined, WantedBytes[]>();
  const ask = async (signal: AbortSignal) => {
    // Whoever wants several says so without waiting for anything between.
    await setImmediate();
    const wanted = waiting.get(signal) ?? [];
    waiting.delete(signal);
    const pieces = planRanges(wanted).map(({ start, end }) => ({
      start,
      end,
      bytes: source.read(start, end, signal),
    }));
    // Each is waited for by those that want it, and its failure is theirs.
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

/** @param isAlone nobody else wants any of it: whoever gets bytes may do with them what they like */
async function takeFrom(pieces: readonly Piece[], wanted: ByteRange, isAlone: boolean): Promise<Uint8Array> {
  const { start, end } = wanted;
  const own = pieces.filter((piece) => overlap(piece, wanted));
  const [first] = own;
  // The bytes as they came: most ranges are asked for as they are wanted.
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
