import { type SoundBlock, SoundFault } from "./sound-block.ts";
import { sampleReader, type WavEncoding } from "./wav-samples.ts";

/** Samples of all channels in a block. */
const BLOCK_SAMPLES = 32_768;

/**
 * Limit of libsndfile. A file with more is not a sound, and its channels would cost more than its samples.
 */
const MOST_CHANNELS = 1024;

/** Encodings by the format's number. */
const ENCODINGS: Readonly<Record<number, WavEncoding>> = { 1: "pcm", 3: "float", 6: "aLaw", 7: "muLaw" };
/** Format number of a chunk whose real format comes later in the chunk. */
const EXTENSIBLE = 0xfffe;
const EXTENSIBLE_AT = 24;
const FORMAT_BYTES = 16;

/** Least declared size that means unknown, as writers to a pipe declare it. No file of this size is read. */
const UNKNOWN_BYTES = 0x7fff_0000;

interface WavFormat {
  readonly encoding: WavEncoding;
  readonly channels: number;
  readonly rate: number;
  /** Bytes of a sample of one channel. */
  readonly sampleBytes: number;
}

export function isWav(bytes: Uint8Array): boolean {
  return /^(RIFF|RF64)$/.test(text(bytes, 0)) && text(bytes, 8) === "WAVE";
}

/**
 * Decodes a WAV file: PCM of 8 to 32 bits, floats, A-law and mu-law.
 *
 * @throws {SoundFault} when the format is unsupported or the file is truncated
 */
export async function* decodeWav(bytes: Uint8Array): AsyncGenerator<SoundBlock, void, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { format, start, end } = findChunks(bytes, view);
  const { channels, rate, sampleBytes, encoding } = format;
  const read = sampleReader(encoding, sampleBytes);
  if (read === null) throw new SoundFault(`has samples of ${sampleBytes * 8} bits (${encoding})`);
  const frameBytes = channels * sampleBytes;
  const frames = Math.floor((end - start) / frameBytes);
  const most = Math.floor(BLOCK_SAMPLES / channels);
  for (let from = 0; from < frames; from += most) {
    const samples = Math.min(most, frames - from);
    const block = Array.from({ length: channels }, (_, channel) => {
      const first = start + from * frameBytes + channel * sampleBytes;
      return Float32Array.from({ length: samples }, (_, at) => read(view, first + at * frameBytes));
    });
    yield { rate, channels: block };
  }
}

function findChunks(bytes: Uint8Array, view: DataView) {
  let format: WavFormat | null = null;
  let longBytes: number | null = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = text(bytes, at);
    const declared = view.getUint32(at + 4, true);
    const start = at + 8;
    if (name === "ds64" && start + 16 <= bytes.length) longBytes = Number(view.getBigUint64(start + 8, true));
    if (name === "fmt ") format = readFormat(view, start, declared);
    if (name === "data") {
      if (format === null) throw new SoundFault("has samples before their format");
      return { format, start, end: dataEnd(start, longBytes ?? declared, bytes.length) };
    }
    // Chunks begin at even offsets.
    at = start + declared + (declared % 2);
  }
  throw new SoundFault(format === null ? "is cut off in its header" : "is cut off before its samples");
}

function dataEnd(start: number, declared: number, length: number): number {
  if (declared >= UNKNOWN_BYTES) return length;
  if (start + declared <= length) return start + declared;
  throw new SoundFault(`is cut off: of ${declared} bytes of samples it has ${length - start}`);
}

function readFormat(view: DataView, start: number, bytes: number): WavFormat {
  if (bytes < FORMAT_BYTES || start + bytes > view.byteLength)
    throw new SoundFault("is cut off in its header");
  const number = view.getUint16(start, true);
  const isExtensible = number === EXTENSIBLE && bytes >= EXTENSIBLE_AT + 2;
  const own = isExtensible ? view.getUint16(start + EXTENSIBLE_AT, true) : number;
  const encoding = ENCODINGS[own];
  if (encoding === undefined)
    throw new SoundFault(`is a WAV of format ${own}, not PCM, floats, A-law or mu-law`);
  const channels = view.getUint16(start + 2, true);
  const rate = view.getUint32(start + 4, true);
  const sampleBytes = view.getUint16(start + 12, true) / channels;
  if (channels === 0) throw new SoundFault("has no channels");
  if (channels > MOST_CHANNELS) throw new SoundFault(`has ${channels} channels`);
  if (!Number.isInteger(sampleBytes) || view.getUint16(start + 14, true) > sampleBytes * 8)
    throw new SoundFault("has a header that contradicts itself");
  return { encoding, channels, rate, sampleBytes };
}

function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
