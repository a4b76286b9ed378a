import { canonicalJson, type Digest, sha256 } from "../core/digest.ts";
import type { PartialFile } from "./partial.ts";

/**
 * What "the same partial" means: sha256 over `[{kind, name, rows, bytes, sha256}, ...]` as canonical JSON, in
 * the order of the manifest. The worker writes it; the coordinator computes it again.
 */
export function partialDigest(files: readonly PartialFile[]): Digest {
  return sha256(
    canonicalJson(files.map(({ kind, name, rows, bytes, sha256 }) => ({ kind, name, rows, bytes, sha256 }))),
  );
}
