import { canonicalJson, type Digest, sha256 } from "../core/digest.ts";
import type { ModelFile } from "./job.ts";

/**
 * What "the same model" means: its own bytes, and those of its external data under the names that it knows
 * them by.
 */
export function modelDigest({
  sha256: own,
  externalData,
}: Pick<ModelFile, "sha256" | "externalData">): Digest {
  if (externalData.length === 0) return own;
  return sha256(canonicalJson([own, externalData.map(({ location, sha256 }) => [location, sha256])]));
}
