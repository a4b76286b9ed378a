import terminal from "node:console";

/** Piece of a sound: equally many samples of each channel, with full scale at 1. */
export interface SoundBlock {
  readonly rate: number;
  readonly channels: readonly Float32Array[];
}

/** Reason why a file gives no sound, in words that follow `the sound`: `is cut off`. */
export class SoundFault extends Error {}

/** Bytes per call of a decoder, because a FLAC of silence expands five thousand times. */
export const PIECE_BYTES = 4096;

/** Samples that a decoder returned. */
interface DecodedPiece {
  readonly channelData: readonly Float32Array[];
  readonly samplesDecoded: number;
  readonly sampleRate: number;
  readonly errors: readonly { readonly message: string }[];
}

/**
 * Returns the block of a decoded piece. Null: no samples yet.
 *
 * @throws {SoundFault} when the decoder reports an error, after which it would continue with silence or a gap
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

/** Runs a decoder's call without its console output, which its result repeats. */
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
