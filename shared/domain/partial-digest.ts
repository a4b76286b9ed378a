import { canonicalJson, type Digest, sha256 } from "../core/digest.ts";
import type { PartialFile } from "./partial.ts";

/**
 * Returns the digest that identifies a partial: sha256 of `[{kind, name, rows, bytes, sha256}, ...]` as
 * canonical JSON, in the manifest's order. The worker writes it, and the coordinator computes it again.
 */
export function partialDigest(files: readonly PartialFile[]): Digest {
  return sha256(
    canonicalJson(files.map(({ kind, name, rows, bytes, sha256 }) => ({ kind, name, rows, bytes, sha256 }))),
  );
}
