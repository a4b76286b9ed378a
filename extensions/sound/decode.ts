import { decodeFlac, decodeOggFlac, isFlac, isOggFlac } from "./flac.ts";
import { decodeMp3, findMp3 } from "./mp3.ts";
import { isOgg, type OggStream, readOgg } from "./ogg.ts";
import { decodeOpus, isOpus } from "./opus.ts";
import { blockOf, PIECE_BYTES, quietly, type SoundBlock, SoundFault } from "./sound-block.ts";
import { decodeWav, isWav } from "./wav.ts";

/**
 * Decodes a sound file, in pieces. Decoders are loaded on first use.
 *
 * @throws {SoundFault} when the format is unsupported or the file is damaged
 */
export function decodeSound(file: Uint8Array): AsyncGenerator<SoundBlock, void, undefined> {
  const bytes = withoutTag(file);
  if (isWav(bytes)) return decodeWav(bytes);
  if (isFlac(bytes)) return decodeFlac(bytes);
  if (isOgg(bytes)) return decodeOgg(bytes);
  const frame = findMp3(bytes);
  if (frame === null) throw new SoundFault("is not a WAV, FLAC, MP3, Ogg Vorbis or Ogg Opus file");
  return decodeMp3(bytes, frame);
}

/** Decodes an Ogg file. Chained streams are one sound. */
async function* decodeOgg(file: Uint8Array): AsyncGenerator<SoundBlock, void, undefined> {
  for (let at = 0; at < file.length; ) {
    const stream = readOgg(file.subarray(at));
    yield* decodeStream(stream, file.subarray(at, at + stream.length));
    at += stream.length;
  }
}

function decodeStream({ packets, samples }: OggStream, bytes: Uint8Array): AsyncGenerator<SoundBlock, void> {
  const head = packets[0] ?? new Uint8Array();
  if (isOpus(head)) return decodeOpus(packets, samples);
  if (isVorbis(head)) return decodeVorbis(bytes);
  if (isOggFlac(head)) return decodeOggFlac(packets);
  throw new SoundFault("is an Ogg file of another codec than Vorbis, Opus or FLAC");
}

/** Removes an ID3v2 tag, which any file may begin with. Its length has seven bits per byte. */
function withoutTag(file: Uint8Array): Uint8Array {
  if (String.fromCharCode(...file.subarray(0, 3)) !== "ID3" || file.length < 10) return file;
  const length = file.subarray(6, 10).reduce((sum, byte) => sum * 128 + (byte & 127), 0);
  return file.subarray(10 + length);
}

function isVorbis(packet: Uint8Array): boolean {
  return String.fromCharCode(...packet.subarray(0, 7)) === "\x01vorbis";
}

/**
 * Decodes Vorbis in an Ogg file.
 *
 * @throws {SoundFault} when the file is damaged
 */
async function* decodeVorbis(bytes: Uint8Array): AsyncGenerator<SoundBlock, void, undefined> {
  const { OggVorbisDecoder } = await import("@wasm-audio-decoders/ogg-vorbis");
  const decoder = new OggVorbisDecoder();
  await decoder.ready;
  try {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const block = blockOf(await quietly(() => decoder.decode(bytes.subarray(at, at + PIECE_BYTES))));
      if (block !== null) yield block;
    }
    const last = blockOf(await quietly(() => decoder.flush()));
    if (last !== null) yield last;
  } catch (error) {
    // The decoder throws this for unusable headers.
    if (error instanceof ReferenceError) throw new SoundFault("is damaged in its header");
    throw error;
  } finally {
    decoder.free();
  }
}

/** Reads the sample rate of a sound. Null: not a sound, or a damaged one, which a job reports. */
export async function readRate(bytes: Uint8Array): Promise<number | null> {
  try {
    for await (const { rate } of decodeSound(bytes)) return rate;
    return null;
  } catch {
    return null;
  }
}
