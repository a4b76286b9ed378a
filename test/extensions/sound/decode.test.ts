import { createHash } from "node:crypto";
import { OggVorbisDecoder } from "@wasm-audio-decoders/ogg-vorbis";
import { describe, expect, it, vi } from "vitest";
import { decodeSound } from "../../../extensions/sound/decode.ts";
import { REFERENCE, repaged, soundFile, wavFile } from "../../support/sound-files.ts";
import { decodeAll } from "./sound-fixtures.ts";

const NAMES = Object.keys(REFERENCE.files);
const LOSSLESS = NAMES.filter((name) => /\.(wav|flac)$/.test(name));
/** Maximum difference between two decoders of the same lossy file, which round differently. */
const LOSSY: Readonly<Record<string, number>> = { mp3: 1e-5, ogg: 1e-6, opus: 2e-4 };

const refusal = (bytes: Uint8Array) =>
  decodeAll(bytes).then(
    () => "decoded",
    ({ message }) => message,
  );

describe("decodeSound", () => {
  it.each(LOSSLESS)("a lossless file is decoded to the same samples as by libsndfile: %s", async (name) => {
    const { rate, channels } = await decodeAll(soundFile(name));
    const length = channels[0]?.length ?? 0;
    const side = Float32Array.from({ length: length * channels.length }, (_, at) => {
      return channels[at % channels.length]?.[Math.floor(at / channels.length)] ?? 0;
    });
    const sha256 = createHash("sha256").update(new Uint8Array(side.buffer)).digest("hex");
    const { some: _some, ...expected } = REFERENCE.files[name] ?? {};
    expect({ rate, channels: channels.length, samples: length, sha256 }).toEqual(expected);
  });

  it.each(NAMES.filter((name) => !LOSSLESS.includes(name)))(
    "a lossy file is decoded close to the samples of libsndfile: %s",
    async (name) => {
      const { rate, channels } = await decodeAll(soundFile(name));
      const expected = REFERENCE.files[name];
      expect([rate, channels.length, channels[0]?.length]).toEqual([
        expected?.rate,
        expected?.channels,
        expected?.samples,
      ]);
      const most = LOSSY[name.replace(/^.*\./, "")] ?? 0;
      for (const [at, moment] of (expected?.some ?? []).entries()) {
        for (const [channel, value] of moment.entries()) {
          const own = channels[channel]?.[at * REFERENCE.stride] ?? Number.NaN;
          expect(Math.abs(own - value)).toBeLessThan(most);
        }
      }
    },
  );

  it.each(NAMES)("a truncated file is refused as cut off: %s", async (name) => {
    const file = soundFile(name);
    // A missing last frame of an MP3 is not detected.
    const part = name.endsWith(".mp3") ? 0.4 : 0.7;
    expect(await refusal(file.subarray(0, file.length * part))).toMatch(/cut off/);
  });

  it.each(["s16.flac", "mono.ogg", "mono.opus"])(
    "a file damaged in the middle is refused as damaged: %s",
    async (name) => {
      const file = Uint8Array.from(soundFile(name));
      file.fill(0, file.length / 2, file.length / 2 + 40);
      expect(await refusal(file)).toMatch(/damaged/);
    },
  );

  it.each([
    ["no sound", Buffer.from("just a text"), "is not a WAV, FLAC, MP3, Ogg Vorbis or Ogg Opus file"],
    ["no channels", wavFile([0], { channels: 0 }), "has no channels"],
    [
      "an unknown format",
      wavFile([0], { format: 2 }),
      "is a WAV of format 2, not PCM, floats, A-law or mu-law",
    ],
    ["samples of 12 bits", wavFile([0], { bits: 12, channels: 2 }), "has a header that contradicts itself"],
    ["samples of 64 bits", wavFile([0], { bits: 64 }), "has samples of 64 bits (pcm)"],
    [
      "too few samples",
      wavFile([0], { dataBytes: 1e9 }),
      "is cut off: of 1000000000 bytes of samples it has 2",
    ],
  ])("a file with %s is refused", async (_, bytes, message) => {
    expect(await refusal(bytes)).toBe(message);
  });

  it.each(["mono.ogg", "mono.opus"])(
    "chained streams of an Ogg file are read as one sound: %s",
    async (name) => {
      const file = soundFile(name);
      const once = await decodeAll(file);
      const twice = await decodeAll(Buffer.concat([file, file]));
      expect(twice.rate).toBe(once.rate);
      const [samples = new Float32Array()] = once.channels;
      expect(twice.channels).toEqual([Float32Array.from([...samples, ...samples])]);
      expect(await refusal(Buffer.concat([file, file.subarray(0, file.length - 9)]))).toMatch(/is cut off/);
    },
  );

  it("an Ogg file with interleaved streams is refused", async () => {
    const file = repaged(soundFile("mono.ogg"));
    const other = Buffer.from(file);
    // Serial number of the stream, in its first page.
    other.writeUInt32LE(other.readUInt32LE(14) + 1, 14);
    const firstPage = Buffer.from(file).indexOf("OggS", 4);
    const mixed = Buffer.concat([file.subarray(0, firstPage), repaged(other.subarray(0, firstPage)), file]);
    expect(await refusal(mixed)).toBe("has several streams at once");
  });

  it("an Ogg file with a missing page is refused as damaged", async () => {
    for (const name of ["mono.ogg", "stereo.ogg", "mono.opus"]) {
      const file = soundFile(name);
      const bytes = Uint8Array.from(file);
      // Number of the last page, as if another page had preceded it.
      const number = file.lastIndexOf("OggS") + 18;
      bytes[number] = (bytes[number] ?? 0) + 1;
      expect(await refusal(repaged(bytes))).toBe("is damaged: a page is missing");
    }
  });

  it("the decoder is released at the end and after an early stop", async () => {
    const free = vi.spyOn(OggVorbisDecoder.prototype, "free");
    try {
      for await (const _ of decodeSound(soundFile("stereo.ogg"))) break;
      expect(free).toHaveBeenCalledTimes(1);
      await decodeAll(soundFile("stereo.ogg"));
      expect(free).toHaveBeenCalledTimes(2);
    } finally {
      free.mockRestore();
    }
  });

  it("two MP3 frames inside other data are not recognized as a sound", async () => {
    // MPEG 1, layer 3, 128 kbit/s, 44.1 kHz, mono.
    const frame = Buffer.alloc(417);
    frame.set([0xff, 0xfb, 0x90, 0xc4]);
    const other = Buffer.alloc(5_000, "no sound ");
    const none = "is not a WAV, FLAC, MP3, Ogg Vorbis or Ogg Opus file";
    expect(await refusal(Buffer.concat([other, frame, frame, other]))).toBe(none);
    expect((await decodeAll(Buffer.concat([other, ...Array(6).fill(frame)]))).rate).toBe(44_100);
    expect((await decodeAll(Buffer.concat([frame, frame]))).rate).toBe(44_100);
  });

  it("a WAV of unknown length from a pipe is read", async () => {
    const { channels } = await decodeAll(wavFile([0.5, -1], { dataBytes: 0xffff_ffff }));
    expect(channels).toEqual([Float32Array.of(0.5, -1)]);
  });

  it("tags and other bytes around the frames of an MP3 are skipped", async () => {
    const file = soundFile("mono.mp3");
    const tag = Buffer.concat([Buffer.from("ID3\x04\0\0\0\0\x07\x76", "latin1"), Buffer.alloc(1014)]);
    const plain = await decodeAll(file);
    expect(await decodeAll(Buffer.concat([tag, file, Buffer.from("TAG"), Buffer.alloc(125)]))).toEqual(plain);
    expect(await decodeAll(Buffer.concat([Buffer.alloc(777), file]))).toEqual(plain);
  });
});
