import { decodeSound } from "../../../extensions/sound/decode.ts";
import { readSound } from "../../../extensions/sound/read-sound.ts";
import type { SoundBlock } from "../../../extensions/sound/sound-block.ts";
import type { SpectrogramKind } from "../../../extensions/sound/spectrogram/presets.ts";
import type { SpectrogramSpec } from "../../../extensions/sound/spectrogram/spec.ts";
import { noise, soundFile } from "../../support/sound-files.ts";

/** Decodes a whole sound, by channel. */
export async function decodeAll(bytes: Uint8Array): Promise<SoundBlock> {
  const blocks: SoundBlock[] = [];
  for await (const block of decodeSound(bytes)) blocks.push(block);
  const [first] = blocks;
  if (first === undefined) return { rate: 0, channels: [] };
  const channels = first.channels.map((_, channel) => {
    return Float32Array.from(blocks.flatMap((block) => [...(block.channels[channel] ?? [])]));
  });
  return { rate: first.rate, channels };
}

/** Spectrogram of a library: see `make_spectrograms.py`. */
interface Case {
  readonly name: string;
  readonly kind: SpectrogramKind;
  readonly keys: SpectrogramSpec;
  readonly rate: number;
  readonly sound: "noise" | "tones" | "short";
  readonly dims: readonly number[];
  /** Largest absolute value. */
  readonly largest: number;
  readonly stride: number;
  /** Every `stride`th value. */
  readonly some: readonly number[];
}

export const SPECTROGRAMS: readonly Case[] = JSON.parse(
  soundFile("spectrograms.json").toString("utf8"),
).cases;

/** Returns the sounds of `make_spectrograms.py`. */
export async function spectrogramSound(name: Case["sound"]): Promise<Float32Array> {
  if (name !== "tones") return noise(name === "noise" ? 4000 : 70);
  const plan = { rate: 16_000, channels: 1, mix: true, normalize: false, maxSeconds: 1 };
  const read = await readSound(soundFile("f32.wav"), plan, new AbortController().signal);
  const [tones] = read.kind === "sound" ? read.channels : [];
  if (tones === undefined) throw new Error("expected a sound");
  const joined = new Float32Array(1000 + tones.length + 1100);
  joined.set(noise(1000).map((value) => value * Math.fround(0.001)));
  joined.set(tones, 1000);
  return joined;
}
