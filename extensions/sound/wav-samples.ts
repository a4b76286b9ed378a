/** Mask of the bits that A-law inverts: every second one. */
const A_LAW_MASK = 0x55;

/** 16-bit values of each byte, by ITU-T G.711. */
const A_LAW = Int16Array.from({ length: 256 }, (_, byte) => fromALaw(byte));
const MU_LAW = Int16Array.from({ length: 256 }, (_, byte) => fromMuLaw(byte));

/** Encodings of WAV samples. */
export type WavEncoding = "pcm" | "float" | "aLaw" | "muLaw";

/** Reads the sample at an offset, with full scale at 1. */
type ReadSample = (view: DataView, at: number) => number;

/** Readers by encoding and sample size. Integers are scaled by a power of two, as in libsndfile. */
const READERS: Readonly<Record<WavEncoding, Readonly<Partial<Record<number, ReadSample>>>>> = {
  pcm: {
    1: (view, at) => (view.getUint8(at) - 128) / 128,
    2: (view, at) => view.getInt16(at, true) / 2 ** 15,
    3: (view, at) => (view.getInt8(at + 2) * 65_536 + view.getUint16(at, true)) / 2 ** 23,
    4: (view, at) => view.getInt32(at, true) / 2 ** 31,
  },
  float: {
    4: (view, at) => view.getFloat32(at, true),
    8: (view, at) => view.getFloat64(at, true),
  },
  aLaw: { 1: (view, at) => (A_LAW[view.getUint8(at)] ?? 0) / 2 ** 15 },
  muLaw: { 1: (view, at) => (MU_LAW[view.getUint8(at)] ?? 0) / 2 ** 15 },
};

/** Returns the reader of samples. Null: unsupported. */
export function sampleReader(encoding: WavEncoding, sampleBytes: number): ReadSample | null {
  return READERS[encoding][sampleBytes] ?? null;
}

function fromALaw(byte: number): number {
  const bits = byte ^ A_LAW_MASK;
  const exponent = (bits >> 4) & 7;
  const step = ((bits & 15) << 4) + 8;
  const value = exponent === 0 ? step : (step + 256) << (exponent - 1);
  return (bits & 128) === 0 ? -value : value;
}

function fromMuLaw(byte: number): number {
  const bits = ~byte & 255;
  const value = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132;
  return (bits & 128) === 0 ? value : -value;
}
