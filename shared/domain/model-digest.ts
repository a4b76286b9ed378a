import { canonicalJson, type Digest, sha256 } from "../core/digest.ts";
import type { ModelFile } from "./job.ts";

/** Digest of a job without a model: that of no bytes. */
const NO_MODEL = sha256("");

/** Returns the digest that identifies the models of all stages of a job, in order. */
export function modelsDigest(models: readonly Parameters<typeof modelDigest>[0][]): Digest {
  const digests = models.map(modelDigest);
  const [only] = digests;
  return digests.length === 1 && only !== undefined ? only : sha256(canonicalJson(digests));
}

/**
 * Returns the digest that identifies a model. It covers the model's own bytes, and the bytes and relative
 * names of its external data.
 *
 * @param model null: the job has none
 */
export function modelDigest(model: Pick<ModelFile, "sha256" | "externalData"> | null): Digest {
  if (model === null) return NO_MODEL;
  const { sha256: own, externalData } = model;
  if (externalData.length === 0) return own;
  return sha256(canonicalJson([own, externalData.map(({ location, sha256 }) => [location, sha256])]));
}
