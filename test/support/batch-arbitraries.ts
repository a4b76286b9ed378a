import fc from "fast-check";
import { BATCH_BOUNDS, type BatchInUse } from "../../shared/domain/batch-in-use.ts";

const uint32 = fc.nat(2 ** 32 - 1);

export const batchInUse: fc.Arbitrary<BatchInUse> = fc.record({
  rows: uint32,
  length: fc.option(uint32),
  bound: fc.constantFrom(...BATCH_BOUNDS),
});
