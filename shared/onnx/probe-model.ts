/**
 * Smallest model that makes a device compute: `x` float32 [2, 4] -> MatMul with a 4 x 3 constant -> Add of 3
 * constants -> `y` float32 [2, 3]. All numbers are small and whole, so they are exact in every float format
 * of a provider. `test/unit/shared/onnx/probe-model.test.ts` builds the same graph and compares it with these
 * bytes.
 */
export const PROBE_MODEL_BASE64 =
  "CAgSDnNoYXJkbWlsbC10ZXN0OtgBCicKAXgKB3dlaWdodHMSB3Byb2R1Y3QaCE1hdE11bF8wIgZNYXRNdWwKHgoHcHJvZHVjdAoE" +
  "YmlhcxIBeRoFQWRkXzEiA0FkZBIFZ3JhcGgqQQoCBAMQAUIHd2VpZ2h0c0owAACAPwAAAMAAAAAAAABAQAAAgD8AAIC/AAAAAAAA" +
  "AEAAAIBAAABAwAAAgD8AAABAKhkKAQMQAUIEYmlhc0oMAAAgQQAAoMEAAPBBWhMKAXgSDgoMCAESCAoCCAIKAggEYhMKAXkSDgoM" +
  "CAESCAoCCAIKAggDQgQKABAN";

/** Input with 2 rows of 4. */
export const PROBE_INPUT: readonly number[] = [1, 2, 3, 4, -1, 0, 2, -3];
/** Weights of MatMul, 4 rows of 3. */
export const PROBE_WEIGHTS: readonly number[] = [1, -2, 0, 3, 1, -1, 0, 2, 4, -3, 1, 2];
/** Constants of Add. */
export const PROBE_BIAS: readonly number[] = [10, -20, 30];
