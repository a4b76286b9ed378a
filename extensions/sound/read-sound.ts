import { setImmediate } from "node:timers/promises";
import { messageOf } from "../../shared/core/errors.ts";
import { decodeSound } from "./decode.ts";
import type { SoundPlan } from "./op.ts";
import { canResample, Resampler } from "./resampler.ts";
import { Samples } from "./samples.ts";
import { type SoundBlock, SoundFault } from "./sound-block.ts";

/** Samples of a sound at the model's rate, by channel, or the reason why there are none. */
export type Sound =
  | { readonly kind: "sound"; readonly channels: readonly Float32Array[] }
  /** Default of the dead letter's code: ROW_VALUE. */
  | { readonly kind: "refused"; readonly why: string; readonly code?: "ROW_LENGTH" };

/** Blocks between two checks of the abort signal. */
const BLOCKS_AT_ONCE = 32;

/** Epsilon of the usual feature extractors, which prevents a division of silence by zero. */
const LEAST_VARIANCE = 1e-7;

interface ReadPlan extends Pick<SoundPlan, "rate" | "channels" | "mix" | "normalize" | "maxSeconds"> {
  /** Limit of the samples of a channel. A sound is not decoded beyond it. Default: none. */
  readonly maxSamples?: number;
}

/** Decodes a sound, mixes its channels, and resamples it, in pieces. */
export async function readSound(bytes: Uint8Array, plan: ReadPlan, signal: AbortSignal): Promise<Sound> {
  if (bytes.length === 0) return { kind: "refused", why: "is an empty file" };
  try {
    const { maxSamples = Number.POSITIVE_INFINITY } = plan;
    const samples = new Samples(plan.channels);
    for await (const piece of atRate(inTurns(decodeSound(bytes), signal), plan)) {
      samples.push(piece);
      if (samples.length > plan.maxSeconds * plan.rate)
        throw new SoundFault(`is longer than ${plan.maxSeconds} seconds`);
      if (samples.length > maxSamples)
        return {
          kind: "refused",
          why: `has more than ${maxSamples} samples, the limit of \`maxBytes\``,
          code: "ROW_LENGTH",
        };
    }
    if (samples.length === 0) throw new SoundFault("has no samples");
    const channels = samples.take();
    if (plan.normalize) for (const data of channels) normalize(data);
    return { kind: "sound", channels };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SoundFault) return { kind: "refused", why: error.message };
    // Each sound has its own decoder, so a failed one affects no other sound.
    return { kind: "refused", why: `cannot be decoded: ${messageOf(error)}` };
  }
}

/**
 * Yields to the event loop between blocks. Decoding alone never waits, so the thread would get no messages.
 */
async function* inTurns(blocks: AsyncIterable<SoundBlock>, signal: AbortSignal): AsyncGenerator<SoundBlock> {
  let count = 0;
  for await (const block of blocks) {
    count += 1;
    if (count % BLOCKS_AT_ONCE === 0) await setImmediate();
    signal.throwIfAborted();
    yield block;
  }
}

async function* atRate(
  blocks: AsyncIterable<SoundBlock>,
  plan: ReadPlan,
): AsyncGenerator<readonly Float32Array[]> {
  let first: { readonly rate: number; readonly channels: number } | null = null;
  let resampler: Resampler | null = null;
  for await (const { rate, channels } of blocks) {
    if (first === null) {
      first = { rate, channels: channels.length };
      const rates = { from: rate, to: plan.rate };
      if (rate === 0 || !canResample(rates)) throw new SoundFault(`has ${rate} samples a second`);
      if (rate !== plan.rate) resampler = new Resampler(plan.channels, rates);
    }
    if (first.rate !== rate || first.channels !== channels.length)
      throw new SoundFault("changes its rate or its channels within the file");
    const wanted = asChannels(channels, plan);
    yield resampler === null ? wanted : resampler.write(wanted);
  }
  if (resampler !== null) yield resampler.end();
}

function asChannels(
  channels: readonly Float32Array[],
  { channels: count, mix }: ReadPlan,
): readonly Float32Array[] {
  const [first] = channels;
  if (first === undefined) throw new SoundFault("has no channels");
  for (const data of channels) {
    if (!data.every(Number.isFinite)) throw new SoundFault("has samples that are not numbers");
  }
  if (channels.length === count) return channels;
  if (channels.length === 1) return Array.from({ length: count }, () => first);
  if (!mix) throw new SoundFault(`has ${channels.length} channels, and the model needs ${count}`);
  return [first.map((_, at) => channels.reduce((sum, data) => sum + (data[at] ?? 0), 0) / channels.length)];
}

function normalize(data: Float32Array): void {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  const scale = 1 / Math.sqrt(variance + LEAST_VARIANCE);
  for (let at = 0; at < data.length; at += 1) data[at] = ((data[at] ?? 0) - mean) * scale;
}
