import { BATCH_BOUNDS, type BatchInUse } from "../domain/batch-in-use.ts";
import { type Codec, uint32 } from "./wire-message.ts";

export const batchInUseCodec: Codec<BatchInUse> = {
  encode: ({ rows, length, bound }) => ({
    rows: uint32(rows),
    ...(length === null ? {} : { length: uint32(length) }),
    bound,
  }),
  decode: (message) => ({
    rows: message.count("rows"),
    length: message.optionalNumber("length") ?? null,
    bound: message.oneOf("bound", BATCH_BOUNDS),
  }),
};
