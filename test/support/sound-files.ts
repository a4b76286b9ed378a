import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";

/** Sounds in `sounds/`, and results of libsndfile and soxr for them: see `sounds/make.py`. */

interface ReferenceSound {
  readonly rate: number;
  readonly channels: number;
  readonly samples: number;
  /** Digest of all samples, in float32, with interleaved channels. */
  readonly sha256: string;
  /** Samples of every `stride`th moment. */
  readonly some: readonly (readonly number[])[];
}

interface Reference {
  readonly stride: number;
  readonly files: Readonly<Record<string, ReferenceSound>>;
  /** Resampled noise, by `from to`. */
  readonly resampled: Readonly<Record<string, ReferenceResampled>>;
  /** Largest sample of each window of 400, with channels mixed. Zeros fill the last window. By file. */
  readonly largest: Readonly<Record<string, readonly number[]>>;
}

interface ReferenceResampled {
  /** Length that soxr makes of an eighth of a second. */
  readonly samples: number;
  /** Every `stride`th sample. */
  readonly some: readonly number[];
  /** Samples that librosa makes of this many. */
  readonly short: Readonly<Record<string, readonly number[]>>;
}

export const REFERENCE: Reference = JSON.parse(soundFile("reference.json").toString("utf8"));

export function soundFile(name: string): Buffer {
  return readFileSync(join(packageRoot, "test/support/sounds", name));
}

/** Returns white noise as in `make.py`. */
export function noise(length: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Returns a WAV of 16 bits, as a header and samples. The options change the header. */
export function wavFile(
  samples: readonly number[],
  { channels = 1, rate = 16_000, format = 1, bits = 16, dataBytes = samples.length * 2 } = {},
): Uint8Array {
  const bytes = new Uint8Array(44 + samples.length * 2);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from("RIFF"), 0);
  view.setUint32(4, bytes.length - 8, true);
  bytes.set(Buffer.from("WAVEfmt "), 8);
  view.setUint32(16, 16, true);
  view.setUint16(20, format, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, (rate * channels * bits) / 8, true);
  view.setUint16(32, (channels * bits) / 8, true);
  view.setUint16(34, bits, true);
  bytes.set(Buffer.from("data"), 36);
  view.setUint32(40, dataBytes, true);
  for (const [at, sample] of samples.entries()) view.setInt16(44 + at * 2, Math.round(sample * 32_768), true);
  return bytes;
}

/** Corrects the checksum of each page in an Ogg file (RFC 3533). */
export function repaged(file: Uint8Array): Uint8Array {
  const bytes = Buffer.from(file);
  for (let at = 0; bytes.toString("latin1", at, at + 4) === "OggS" && at + 27 <= bytes.length; ) {
    const count = bytes[at + 26] ?? 0;
    const lengths = bytes.subarray(at + 27, at + 27 + count);
    const end = lengths.reduce((sum, length) => sum + length, at + 27 + count);
    if (end > bytes.length) break;
    bytes.writeUInt32LE(pageCrc(bytes.subarray(at, end)), at + 22);
    at = end;
  }
  return bytes;
}

/** Computes a page's checksum, with zeros in place of the checksum itself. */
function pageCrc(page: Uint8Array): number {
  let crc = 0;
  for (const [at, byte] of page.entries()) {
    crc ^= at >= 22 && at < 26 ? 0 : byte << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc < 0 ? 0x04c1_1db7 : 0);
  }
  return crc >>> 0;
}
