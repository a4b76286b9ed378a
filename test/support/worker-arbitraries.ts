import fc from "fast-check";
import type { Fetching } from "../../shared/domain/fetching.ts";
import { STAGES, type StageShares } from "../../shared/domain/worker.ts";

const positive = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });

/** fast-check's dictionaries may have no prototype, which a strict comparison detects. */
export const busy: fc.Arbitrary<StageShares> = fc
  .dictionary(fc.constantFrom(...STAGES), positive)
  .map((shares) => ({ ...shares }) as StageShares);

export const fetching: fc.Arbitrary<Fetching> = fc.record({
  bytes: count,
  totalBytes: count,
  bytesPerSecond: positive,
});
