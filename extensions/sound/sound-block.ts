import terminal from "node:console";

/** A piece of a sound: of each channel as many samples, of which 1 is full scale. */
export interface SoundBlock {
  readonly rate: number;
  readonly channels: readonly Float32Array[];
}

/** Why a file gives no sound, in words that follow `the sound`: `is cut off`. */
export class SoundFault extends Error {}

/** Bytes that a decoder is given at once: a FLAC of silence becomes five thousand times as many. */
export const PIECE_BYTES = 4096;

/** The samples that a decoder has gone through. */
interface DecodedPiece {
  readonly channelData: readonly Float32Array[];
  readonly samplesDecoded: number;
  readonly sampleRate: number;
  readonly errors: readonly { readonly message: string }[];
}

/**
 * What a decoder made of a piece, null where that was nothing yet.
 *
 * @throws {SoundFault} when it complained: it would go on with silence, or without what it could not read
 */
export function blockOf({
  channelData,
  samplesDecoded,
  sampleRate,
  errors,
}: DecodedPiece): SoundBlock | null {
  const [error] = errors;
  if (error !== undefined) throw new SoundFault(`is damaged: ${error.message}`);
  if (samplesDecoded === 0) return null;
  return { rate: sampleRate, channels: channelData.map((data) => data.subarray(0, samplesDecoded)) };
}

/** Runs a call of a decoder that would write to the console what it also returns. */
export function quietly<T>(call: () => T): T {
  const { error, warn } = terminal;
  terminal.error = () => {};
  terminal.warn = () => {};
  try {
    return call();
  } finally {
    terminal.error = error;
    terminal.warn = warn;
  }
}
