import { type SoundPlan, type SoundWindows, valuesPerWindow } from "./op.ts";

type Layout = Pick<SoundPlan, "channels" | "layout">;

/** Counts the windows of a sound with `samples` samples. */
export function countWindows(samples: number, { window, hop, pad }: SoundWindows): number {
  if (pad === "drop") return samples < window ? 0 : Math.floor((samples - window) / hop) + 1;
  // The first window that reaches the end is the last.
  return samples <= window ? 1 : Math.ceil((samples - window) / hop) + 1;
}

/** Returns true when the last window of a sound extends beyond its end. */
export function hasFilledWindow(samples: number, windows: SoundWindows): boolean {
  return samples < endOfWindows(samples, windows);
}

function endOfWindows(samples: number, windows: SoundWindows): number {
  return (countWindows(samples, windows) - 1) * windows.hop + windows.window;
}

/** Writes the windows of a sound into `target`, consecutively, from the index `at`. */
export function writeWindows(
  channels: readonly Float32Array[],
  windows: SoundWindows,
  layout: Layout,
  target: { readonly values: Float32Array; readonly at: number },
): void {
  const samples = channels[0]?.length ?? 0;
  const isRepeated = windows.pad === "repeat" && hasFilledWindow(samples, windows);
  const sound = isRepeated
    ? channels.map((data) => repeated(data, endOfWindows(samples, windows)))
    : channels;
  const length = windows.context + windows.window;
  const values = valuesPerWindow(layout, windows);
  for (let part = 0; part < countWindows(samples, windows); part += 1) {
    const start = part * windows.hop - windows.context;
    writeStretch(sound, { start, end: start + length }, layout, {
      values: target.values,
      at: target.at + part * values,
    });
  }
}

function repeated(data: Float32Array, length: number): Float32Array {
  return Float32Array.from({ length }, (_, at) => data[at % data.length] ?? 0);
}

/** Writes samples `[start, end)`. Those outside the sound stay zero. */
export function writeStretch(
  channels: readonly Float32Array[],
  { start, end }: { readonly start: number; readonly end: number },
  { layout }: Layout,
  { values, at }: { readonly values: Float32Array; readonly at: number },
): void {
  for (const [channel, data] of channels.entries()) {
    const from = Math.max(0, start);
    const to = Math.min(end, data.length);
    if (to <= from) continue;
    if (layout === "channelsFirst" || channels.length === 1) {
      values.set(data.subarray(from, to), at + channel * (end - start) + from - start);
      continue;
    }
    for (let sample = from; sample < to; sample += 1)
      values[at + (sample - start) * channels.length + channel] = data[sample] ?? 0;
  }
}
