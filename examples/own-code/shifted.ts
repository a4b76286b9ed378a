import { defineStep, vector } from "shardmill";

const SIDE = 28;
/** Minimum number of dark pixels in a digit. */
const LEAST_INK = 20;

/** Each picture three times: unchanged, and moved by a column to either side. */
export default defineStep({
  reads: { pixels: vector("uint8", SIDE * SIDE) },
  columns: { pixels: vector("uint8", SIDE * SIDE), shift: "int8" },
  row({ pixels }) {
    const ink = pixels.reduce((count, value) => count + (value > 127 ? 1 : 0), 0);
    if (ink < LEAST_INK) return null;
    return [-1, 0, 1].map((shift) => ({ shift, pixels: moved(pixels, shift) }));
  },
});

function moved(pixels: Uint8Array, shift: number): Uint8Array {
  return pixels.map((_, at) => {
    const column = (at % SIDE) - shift;
    return column < 0 || column >= SIDE ? 0 : (pixels[at - shift] ?? 0);
  });
}
