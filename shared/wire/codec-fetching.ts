import type { Fetching } from "../domain/fetching.ts";
import { field } from "./field.ts";
import { tableCodec } from "./table-codec.ts";

export const fetchingCodec = tableCodec<Fetching>("Fetching", {
  bytes: field.count,
  totalBytes: field.count,
  bytesPerSecond: field.number,
});
