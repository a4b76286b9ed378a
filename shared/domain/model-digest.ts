import { canonicalJson, type Digest, sha256 } from "../core/digest.ts";
import type { ModelFile } from "./job.ts";

/**
 * Returns the digest that identifies a model. It covers the model's own bytes, and the bytes and relative
 * names of its external data.
 */
export function modelDigest({
  sha256: own,
  externalData,
}: Pick<ModelFile, "sha256" | "externalData">): Digest {
  if (externalData.length === 0) return own;
  return sha256(canonicalJson([own, externalData.map(({ location, sha256 }) => [location, sha256])]));
}
