import type { z } from "zod";
import type { Zod } from "../../shared/core/zod.ts";
import type { SpecParts } from "../../shared/extension/feature.ts";
import { SOUND_LAYOUTS, WINDOW_ENDS } from "./op.ts";

/** Limit of a rate, above that of any microphone or file. */
const MAX_RATE = 768_000;
/** Limit of a window: over an hour at 44.1 kHz. A longer one is a typing error. */
const MAX_WINDOW = 2 ** 28;
const MAX_CHANNELS = 64;
/** Default limit of a sound: 230 MB at 16 kHz. */
const MAX_SECONDS = 3600;
const LONGEST_SECONDS = 1_000_000;

/** Builds the schema of an input's `sound` key in the job file. */
export function soundSpec(z: Zod, { folder, refuse }: SpecParts) {
  const keys = z.strictObject({
    rate: z
      .int()
      .min(1)
      .max(MAX_RATE)
      .exactOptional()
      .describe(
        "Samples a second that the model wants; a sound of another rate is resampled. Left out: the `sampling_rate` of the " +
          "model's folder.",
      ),
    channels: z
      .union([z.literal("mono"), z.int().min(1).max(MAX_CHANNELS)])
      .default("mono")
      .describe(
        "`mono`: the mean of all channels. A number: a sound must have so many, or one, which then stands for all.",
      ),
    ...windowKeys(z),
    layout: z
      .enum(SOUND_LAYOUTS)
      .exactOptional()
      .describe(
        "Of several channels: `channelsFirst` has one after the other, `channelsLast` each moment's side by side. Left out: " +
          "what the model's shape says, and `channelsFirst` where it says nothing.",
      ),
    normalize: z
      .boolean()
      .exactOptional()
      .describe(
        "Whether the samples of a sound get mean 0 and variance 1. Left out: the `do_normalize` of the model's folder, else false.",
      ),
    maxSeconds: z
      .number()
      .gt(0)
      .max(LONGEST_SECONDS)
      .default(MAX_SECONDS)
      .describe(
        "A longer sound is a dead letter, and is not decoded to its end: a second takes 4 bytes for each sample. Where all " +
          "are short, a lower limit lets more of them be prepared at once, and takes less time.",
      ),
    folder: folder.describe(
      "Where relative paths start from when the column has paths, relative to the job file, in a bucket or on the web. Workers read the files there.",
    ),
  });
  return keys.superRefine(({ window, hop }, context) => {
    if (window === undefined || hop === undefined || hop <= window) return;
    refuse(context, ["hop"], "leaves samples between the windows out", {
      expected: `at most \`window\`, ${window}`,
      found: String(hop),
    });
  });
}

/** Builds the schemas of the window keys. */
function windowKeys(z: Zod) {
  const samples = z.int().min(1).max(MAX_WINDOW);
  return {
    window: samples
      .exactOptional()
      .describe(
        "Cuts a sound into windows of so many samples, a row for each, with the columns `part` (0, 1, 2), `start` and `end` " +
          "(seconds). Left out: as long as the model's input is; where that is open, a sound is one row of its own length.",
      ),
    hop: samples
      .exactOptional()
      .describe(
        "With windows: the samples from the start of one to the start of the next. Left out: `window`, so that they do not overlap.",
      ),
    context: z
      .int()
      .min(0)
      .max(MAX_WINDOW)
      .exactOptional()
      .describe(
        "With windows: samples in front of each that the model sees before it, zeros in front of the first. Left out: none.",
      ),
    pad: z
      .enum(WINDOW_ENDS)
      .exactOptional()
      .describe(
        "With windows: how a last one is filled that the sound does not fill. `zeros` fill it up; `repeat` fills it with the " +
          "sound from its start, over and over; `drop` leaves it out. Left out: `zeros`.",
      ),
  };
}

export type SoundSpec = z.output<ReturnType<typeof soundSpec>>;
