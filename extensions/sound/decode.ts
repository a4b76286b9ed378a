import { decodeFlac, decodeOggFlac, isFlac, isOggFlac } from "./flac.ts";
import { decodeMp3, findMp3 } from "./mp3.ts";
import { isOgg, type OggStream, readOgg } from "./ogg.ts";
import { decodeOpus, isOpus } from "./opus.ts";
import { blockOf, PIECE_BYTES, quietly, type SoundBlock, SoundFault } from "./sound-block.ts";
import { decodeWav, isWav } from "./wav.ts";

/**
 * Decodes the file of a sound, piece by piece. Every decoder is loaded where it is first needed.
 *
 * @throws {SoundFault} when it is none of the known formats, or damaged
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

/** Streams that are chained are one sound. */
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
  throw new SoundFault("is an Ogg file of something else than Vorbis, Opus or FLAC");
}

/** ID3v2, which any file may begin with: its length is written seven bits a byte. */
function withoutTag(file: Uint8Array): Uint8Array {
  if (String.fromCharCode(...file.subarray(0, 3)) !== "ID3" || file.length < 10) return file;
  const length = file.subarray(6, 10).reduce((sum, byte) => sum * 128 + (byte & 127), 0);
  return file.subarray(10 + length);
}

function isVorbis(packet: Uint8Array): boolean {
  return String.fromCharCode(...packet.subarray(0, 7)) === "\x01vorbis";
}

/**
 * Vorbis in an Ogg file.
 *
 * @throws {SoundFault}
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
    // Of headers that it cannot use, the decoder fails to say so.
    if (error instanceof ReferenceError) throw new SoundFault("is damaged in its header");
    throw error;
  } finally {
    decoder.free();
  }
}

/** Reads the samples a second of a sound. Null: it is no sound, or it is damaged, which a job reports. */
export async function readRate(bytes: Uint8Array): Promise<number | null> {
  try {
    for await (const { rate } of decodeSound(bytes)) return rate;
    return null;
  } catch {
    return null;
  }
}
