import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fetchModel } from "../fetch-model.ts";
import { recordings } from "../sources/recordings.ts";
import type { SampleRow } from "./sample.ts";

/** Rate of the recordings, which have one channel of 16 bits. */
const RATE = 16_000;
const SAMPLE_BYTES = 2;

/** Interval between the starts of pieces. */
const PIECE_EVERY_SECONDS = 1.5;
/** Lengths of pieces, in turn, so that rows have few windows or many. */
const PIECE_SECONDS = [0.4, 1.1, 2.7, 6];

/** Returns recordings of speech as WAV files, and pieces of them that begin and end within words. */
export async function speechFiles(): Promise<SampleRow[]> {
  const folder = await fetchModel(recordings);
  const names = (await readdir(folder)).sort();
  const files = await Promise.all(
    names.map(async (name) => ({ name, content: await readFile(join(folder, name)) })),
  );
  return [...files, ...files.flatMap(({ name, content }) => piecesOf(name, samplesOf(content)))];
}

function piecesOf(name: string, samples: Buffer): SampleRow[] {
  const everyBytes = PIECE_EVERY_SECONDS * RATE * SAMPLE_BYTES;
  return Array.from({ length: Math.ceil(samples.length / everyBytes) }, (_, at) => {
    const bytes = (PIECE_SECONDS[at % PIECE_SECONDS.length] ?? 1) * RATE * SAMPLE_BYTES;
    const piece = samples.subarray(at * everyBytes, at * everyBytes + bytes);
    return { name: `${name} from ${at * PIECE_EVERY_SECONDS} s`, content: asWav(piece) };
  });
}

/** Returns the content of a WAV file's chunk `data`. */
function samplesOf(wav: Buffer): Buffer {
  let at = 12;
  while (wav.toString("latin1", at, at + 4) !== "data") at += 8 + wav.readUInt32LE(at + 4);
  return wav.subarray(at + 8, at + 8 + wav.readUInt32LE(at + 4));
}

function asWav(samples: Buffer): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0, "latin1");
  header.writeUInt32LE(36 + samples.length, 4);
  header.write("WAVEfmt ", 8, "latin1");
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * SAMPLE_BYTES, 28);
  header.writeUInt16LE(SAMPLE_BYTES, 32);
  header.writeUInt16LE(8 * SAMPLE_BYTES, 34);
  header.write("data", 36, "latin1");
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}
