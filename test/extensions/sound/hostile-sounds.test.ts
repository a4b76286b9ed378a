import { describe, expect, it } from "vitest";
import { readSound } from "../../../extensions/sound/read-sound.ts";
import { REFERENCE, repaged, soundFile, wavFile } from "../../support/sound-files.ts";

const { signal } = new AbortController();
const PLAN = { rate: 16_000, channels: 1, mix: true, normalize: false, maxSeconds: 10 };
const HEADER_BYTES = 90;
const NAMES = Object.keys(REFERENCE.files);

/** Returns the distance of tested bytes. The other decoders start slowly. */
function stepOf(name: string): number {
  return name.endsWith(".wav") ? 1 : 7;
}

/** Returns the reason why a sound becomes a dead letter, or null. */
async function why(bytes: Uint8Array): Promise<string | null> {
  const sound = await readSound(bytes, PLAN, signal);
  return sound.kind === "refused" ? sound.why : null;
}

/** Returns a WAV whose header is changed at some bytes. */
function saying(at: number, size: 2 | 4, value: number): Uint8Array {
  const bytes = wavFile([0.5, -0.5, 0.25, 0]);
  const view = new DataView(bytes.buffer);
  if (size === 2) view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
  return bytes;
}

const FORMAT = 16;
const CHANNELS = 22;
const RATE = 24;
const DATA = 40;

describe("a hostile sound", () => {
  it.each(NAMES)("a sound that ends in its header is dead-lettered with the reason: %s", async (name) => {
    const file = soundFile(name);
    for (let length = 0; length < Math.min(HEADER_BYTES, file.length / 2); length += stepOf(name))
      expect(await why(file.subarray(0, length)), `${length} bytes`).toMatch(
        /is cut off|damaged or cut off|is an empty file|is not a WAV|is damaged|has no samples/,
      );
  });

  it.each(NAMES)(
    "a sound with any header byte changed is read or dead-lettered with a reason: %s",
    async (name) => {
      const file = soundFile(name);
      const isOgg = /\.(ogg|opus)$/.test(name);
      for (let at = 0; at < Math.min(HEADER_BYTES, file.length); at += stepOf(name)) {
        for (const value of [0, 255]) {
          const bytes = Uint8Array.from(file);
          bytes[at] = value;
          // With a correct checksum, because otherwise the header would not be read.
          const reason = await why(isOgg ? repaged(bytes) : bytes);
          expect(reason ?? "a sound", `byte ${at} is ${value}`).not.toMatch(/cannot be decoded/);
        }
      }
    },
  );

  it.each([
    ["four gigabytes of header", saying(FORMAT, 4, 0xffff_ffff), "is cut off in its header"],
    [
      "two gigabytes of samples",
      saying(DATA, 4, 0x7ffe_ffff),
      "is cut off: of 2147418111 bytes of samples it has 8",
    ],
    ["no channels", saying(CHANNELS, 2, 0), "has no channels"],
    ["65,535 channels", saying(CHANNELS, 2, 65_535), "has 65535 channels"],
    ["no rate", saying(RATE, 4, 0), "has 0 samples a second"],
    ["a rate of four billion", saying(RATE, 4, 4_000_000_000), "has 4000000000 samples a second"],
    ["no samples", wavFile([]), "has no samples"],
    ["no whole sample", saying(DATA, 4, 1), "has no samples"],
  ])("a sound with %s is dead-lettered", async (_, bytes, reason) => {
    expect(await why(bytes)).toBe(reason);
  });

  it("an invalid Vorbis header is dead-lettered with the reason", async () => {
    const changed = (at: number, values: readonly number[]) => {
      const bytes = Uint8Array.from(soundFile("mono.ogg"));
      bytes.set(values, at);
      return why(repaged(bytes));
    };
    // Offsets after 28 bytes of its page: name, version, channels, rate.
    expect(await changed(35, [1])).toBe("is damaged in its header");
    expect(await changed(39, [0])).toMatch(/is damaged/);
    expect(await changed(40, [0, 0, 0, 0])).toMatch(/is damaged|has 0 samples a second/);
  });

  it("a sound of 255 channels is mixed like any other", async () => {
    const samples = Array.from({ length: 255 * 400 }, (_, at) => (at % 255 === 0 ? 0.5 : 0));
    const sound = await readSound(wavFile(samples, { channels: 255 }), PLAN, signal);
    if (sound.kind === "refused") throw new Error(sound.why);
    expect(sound.channels[0]).toHaveLength(400);
    for (const value of sound.channels[0] ?? []) expect(value).toBeCloseTo(0.5 / 255, 6);
  });

  it.each([384_000, 548_281])("a sound of %i samples a second is resampled", async (rate) => {
    const sound = await readSound(wavFile(Array((rate / 100) | 0).fill(0.25), { rate }), PLAN, signal);
    if (sound.kind === "refused") throw new Error(sound.why);
    expect(sound.channels[0]).toHaveLength(160);
    expect(sound.channels[0]?.[80]).toBeCloseTo(0.25, 3);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e300])(
    "a sound with a sample of %s is dead-lettered",
    async (value) => {
      const bytes = wavFile([0, 0, 0, 0], { format: 3, bits: 64 });
      new DataView(bytes.buffer).setFloat64(44, value, true);
      expect(await why(bytes)).toBe("has samples that are not numbers");
    },
  );
});
