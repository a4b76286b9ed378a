import { canonicalJson, type Digest, sha256 } from "../../shared/core/digest.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";

/** Returns the digest of committed partials in plan order. It names the commits that something is made of. */
export function commitsDigest(partials: readonly PartialManifest[]): Digest {
  return sha256(canonicalJson(partials.map(({ shard, digest }) => [shard, digest])));
}
