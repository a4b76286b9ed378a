import { asBucket } from "../shared/storage/as-bucket.ts";
import { createLocalStorage as createReal, type LocalOptions } from "../shared/storage/local.ts";
import type { Storage } from "../shared/storage/storage.ts";

/** Replaces `createLocalStorage` of `shared/storage/local.ts`: see `bucket-hooks.ts`. */
export function createLocalStorage(options: LocalOptions = {}): Storage {
  return asBucket(createReal(options));
}
