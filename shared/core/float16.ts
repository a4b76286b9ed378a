const INFINITY_BITS = 0x7c00;
const NAN_BITS = 0x7e00;

/** Smallest subnormal, 2 to the power of -24: the unit of every value below 2 to the power of -14. */
const SUBNORMAL_UNIT = 2 ** -24;

const float64 = new Float64Array(1);
const words = new Uint32Array(float64.buffer);

/** Scales by exponent: `UNIT_SCALE[e + 14]` is 2 to the power of `10 - e`. Gives 1024..2047 units. */
const UNIT_SCALE = Float64Array.from({ length: 30 }, (_, index) => 2 ** (10 - (index - 14)));

/** Half-precision values by their bits: 256 KiB, made on first use. */
let table: Float32Array | null = null;

/** Returns the values of all 65,536 bit patterns of IEEE 754 binary16, indexed by the bits. */
export function halfTable(): Float32Array {
  table ??= Float32Array.from({ length: 0x10000 }, (_, bits) => decodeHalf(bits));
  return table;
}

function decodeHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * SUBNORMAL_UNIT;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/**
 * Returns the bits of the half-precision value nearest to `value`, ties to even. Converts from float64
 * directly, without double rounding.
 */
export function encodeHalf(value: number): number {
  float64[0] = value;
  const high = words[1] ?? 0;
  const sign = (high >>> 16) & 0x8000;
  const exponent = ((high >>> 20) & 0x7ff) - 1023;
  if (exponent === 1024) return Number.isNaN(value) ? sign | NAN_BITS : sign | INFINITY_BITS;
  if (exponent > 15) return sign | INFINITY_BITS;
  if (exponent < -25) return sign;
  const magnitude = Math.abs(value);
  if (exponent < -14) return sign | roundHalfEven(magnitude / SUBNORMAL_UNIT);
  const units = roundHalfEven(magnitude * (UNIT_SCALE[exponent + 14] ?? 0));
  // A carry out of the fraction correctly raises the exponent, and out of the largest exponent gives
  // infinity.
  return sign | (((exponent + 15) << 10) + units - 1024);
}

function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && (down & 1) === 1) ? down + 1 : down;
}
