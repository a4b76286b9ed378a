import { BATCH_BOUNDS, type BatchInUse } from "../domain/batch-in-use.ts";
import { field } from "./field.ts";
import { tableCodec } from "./table-codec.ts";

export const batchInUseCodec = tableCodec<BatchInUse>("BatchInUse", {
  rows: field.count32,
  length: field.orNull(field.count32),
  bound: field.word("BatchBound", BATCH_BOUNDS),
});
