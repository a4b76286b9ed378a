import type { StoreCounts } from "../domain/store-counts.ts";
import type { StoreWaiting } from "../domain/store-waiting.ts";
import { field } from "./field.ts";
import { tableCodec } from "./table-codec.ts";

export const storeCountsCodec = tableCodec<StoreCounts>("StoreCounts", {
  store: field.text,
  requests: field.count,
  bytesRead: field.count,
  bytesWritten: field.count,
  retries: field.count,
  throttled: field.count,
  waitedMs: field.number,
  answers: field.count,
  firstByteMs: field.number,
});

export const storeWaitingCodec = tableCodec<StoreWaiting>("StoreWaiting", {
  store: field.text,
  seconds: field.number,
  reason: field.text,
});
