import { randomBytes } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { digestFile } from "../../shared/core/digest.ts";
import { isShardmillError, messageOf, type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { type PruneLimits, pruneFolder } from "../../shared/core/prune-folder.ts";
import { cacheFolder } from "../../shared/core/user-folder.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import type { StepFile } from "../../shared/domain/step-binding.ts";
import type { NamedContent } from "../../shared/extension/step-part.ts";
import { runIsolated, whyNoAnswer } from "../../shared/onnx/isolated.ts";
import { findSet } from "./find-set.ts";
import type { PackQuestion } from "./pack-set.ts";
import type { NearestSpec } from "./spec.ts";

/** A set of gigabytes from a store takes minutes, and the decoders some hundreds of megabytes. */
const LIMITS = { limitMs: 3_600_000, memoryLimitBytes: 4 * 2 ** 30 };

/** Ten million vectors of 384 numbers. Each row is compared with all of them: an index is due. */
const MOST_BYTES = 16 * 2 ** 30;

/** Limits of the cache. Workers have sets open for weeks, and each planning renews its own. */
const KEPT: PruneLimits = {
  name: /^[0-9a-f]{64}\.arrow$/,
  leftBehind: /^[0-9a-f]{16}\.new$/,
  mostEntries: 1_000,
  mostAgeMs: 30 * 24 * 3_600_000,
  mostBytes: 64 * 2 ** 30,
  sparedMs: 7 * 24 * 3_600_000,
};

/**
 * Packs a set of vectors into one file, which the user's cache keeps under its digest.
 *
 * @throws {SPEC_INVALID} with the problems of the set
 * @throws {CACHE_FAILED} when the cache cannot be written
 */
export async function makeSet(
  { where, path, value, stores }: NamedContent,
  signal: AbortSignal,
): Promise<StepFile> {
  const { vector, id, metric } = value as unknown as NearestSpec;
  const folder = cacheFolder("sets");
  const target = join(folder, `${randomBytes(8).toString("hex")}.new`);
  try {
    await makeFolders(folder);
    const named = { where: where.replace(/\.among$/, ""), path, vector, id, stores };
    const found = await findSet(named, { signal });
    const question = { where, vector, id, metric, target, mostBytes: MOST_BYTES };
    const problems = "problems" in found ? found.problems : await pack({ ...question, ...found }, signal);
    if (problems.length > 0)
      throw new ShardmillError("SPEC_INVALID", `the set of ${where} cannot be used`, { problems });
    const packed = await digestFile(target, signal);
    const kept = join(folder, `${packed.sha256}.arrow`);
    await rename(target, kept);
    // A failed removal is repeated by a later planning.
    await pruneFolder(folder, KEPT, Date.now()).catch(() => {});
    return { location: parseLocation(kept), ...packed };
  } catch (cause) {
    signal.throwIfAborted();
    if (isShardmillError(cause)) throw cause;
    throw new ShardmillError("CACHE_FAILED", `the set of ${where} cannot be stored: ${messageOf(cause)}`, {
      fields: { path: folder },
      hint: "set SHARDMILL_CACHE to a writable folder",
      cause,
    });
  } finally {
    await rm(target, { force: true }).catch(() => {});
  }
}

async function pack(question: PackQuestion, signal: AbortSignal): Promise<readonly Problem[]> {
  const script = compiledUrl("extensions/nearest/pack-process.ts");
  const result = await runIsolated({ script, argument: question, ...LIMITS, signal });
  if (result.kind === "answered") return result.value as readonly Problem[];
  return [{ where: question.where, what: whyNoAnswer(result, LIMITS) }];
}
