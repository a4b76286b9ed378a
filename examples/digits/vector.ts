/** target += source * scale, element by element. */
export function addScaled(target: Float32Array, source: Float32Array, scale: number): void {
  for (let i = 0; i < target.length; i += 1) target[i] = (target[i] ?? 0) + (source[i] ?? 0) * scale;
}

/** target *= scale. */
export function scale(target: Float32Array, factor: number): void {
  for (let i = 0; i < target.length; i += 1) target[i] = (target[i] ?? 0) * factor;
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

/** Returns the index of the largest element, or the first of equal ones. */
export function argmax(values: Float32Array): number {
  return values.reduce((best, value, place) => (value > (values[best] ?? 0) ? place : best), 0);
}

/** Returns shares that add up to 1. The maximum is subtracted first, so that `exp` cannot overflow. */
export function softmax(logits: Float32Array): Float32Array {
  const largest = logits[argmax(logits)] ?? 0;
  const powers = logits.map((logit) => Math.exp(logit - largest));
  scale(powers, 1 / powers.reduce((sum, power) => sum + power, 0));
  return powers;
}
