import type { SoundWindows } from "./op.ts";
import type { RowWriter, Target } from "./row-writer.ts";

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

/** Writes the windows of a sound into `target`, consecutively. */
export function* writeWindows(
  channels: readonly Float32Array[],
  windows: SoundWindows,
  writer: RowWriter,
  target: Target,
): Generator<void> {
  const samples = channels[0]?.length ?? 0;
  const isRepeated = windows.pad === "repeat" && hasFilledWindow(samples, windows);
  const sound = isRepeated
    ? channels.map((data) => repeated(data, endOfWindows(samples, windows)))
    : channels;
  const length = windows.context + windows.window;
  const size = writer.valuesOf(length);
  for (let part = 0; part < countWindows(samples, windows); part += 1) {
    const start = part * windows.hop - windows.context;
    const at = target.at + part * size;
    yield* writer.write(sound, { start, end: start + length }, { values: target.values, at });
  }
}

function repeated(data: Float32Array, length: number): Float32Array {
  return Float32Array.from({ length }, (_, at) => data[at % data.length] ?? 0);
}
