import { describe, expect, it } from "vitest";
import { readSound } from "../../../extensions/sound/read-sound.ts";
import { soundFile, wavFile } from "../../support/sound-files.ts";

const { signal } = new AbortController();
const PLAN = { rate: 16_000, channels: 1, mix: true, normalize: false, maxSeconds: 10 };

function read(bytes: Uint8Array, plan: Partial<typeof PLAN> = {}) {
  return readSound(bytes, { ...PLAN, ...plan }, signal);
}

describe("readSound", () => {
  it("channels are mixed into their mean", async () => {
    const bytes = wavFile([0.5, 0.25, -0.5, 0.5], { channels: 2 });
    expect(await read(bytes)).toEqual({ kind: "sound", channels: [Float32Array.of(0.375, 0)] });
  });

  it("one channel is copied to the number of the model, and another number is refused", async () => {
    const two = { channels: 2, mix: false };
    const one = Float32Array.of(0.5, -0.5);
    expect(await read(wavFile([0.5, -0.5]), two)).toEqual({ kind: "sound", channels: [one, one] });
    expect(await read(wavFile([0.5, -0.5, 0.25], { channels: 3 }), two)).toEqual({
      kind: "refused",
      why: "has 3 channels, and the model needs 2",
    });
  });

  it("a sound is resampled to the model's rate", async () => {
    const sound = await read(soundFile("mono.opus"));
    if (sound.kind === "refused") throw new Error(sound.why);
    expect(sound.channels.map(({ length }) => length)).toEqual([2400]);
  });

  it("normalized samples have mean 0 and variance 1", async () => {
    const sound = await read(wavFile([0.1, 0.3, -0.2, 0.4]), { normalize: true });
    if (sound.kind === "refused") throw new Error(sound.why);
    const [data = new Float32Array()] = sound.channels;
    expect(data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 5);
    expect(data.reduce((sum, value) => sum + value ** 2, 0) / data.length).toBeCloseTo(1, 4);
  });

  it.each([
    ["an empty file", new Uint8Array(), "is an empty file"],
    ["a sound without samples", wavFile([]), "has no samples"],
    ["a sound without a rate", wavFile([0], { rate: 0 }), "has 0 samples a second"],
    ["a sound with an impossible rate", wavFile([0], { rate: 16_000 * 257 }), "has 4112000 samples a second"],
    [
      "a sound above the limit of seconds",
      wavFile(Array(100).fill(0)),
      "is longer than 0.005 seconds",
      0.005,
    ],
    ["a sound with samples that are not numbers", floats(Number.NaN), "has samples that are not numbers"],
  ])("%s is refused", async (_, bytes, why, maxSeconds = 10) => {
    expect(await read(bytes, { maxSeconds })).toEqual({ kind: "refused", why });
  });

  it("reading stops when its signal aborts", async () => {
    const stop = new AbortController();
    const reading = readSound(soundFile("s16.flac"), PLAN, stop.signal);
    stop.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
  });
});

/** Returns a WAV of two bytes per sample that claims floats of four. */
function floats(value: number): Uint8Array {
  const bytes = wavFile([0, 0], { format: 3, bits: 32 });
  new DataView(bytes.buffer).setFloat32(44, value, true);
  return bytes;
}
