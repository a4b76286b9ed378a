import { randomBytes } from "node:crypto";
import { rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestFile, sha256 } from "../../../shared/core/digest.ts";
import { messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { type PruneLimits, pruneFolder } from "../../../shared/core/prune-folder.ts";
import { cacheFolder } from "../../../shared/core/user-folder.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import type { StepFile } from "../../../shared/domain/step-binding.ts";
import { bundleModule } from "./bundle-module.ts";

/**
 * Limits of the bundle cache. Workers that open a job and the coordinator that reduces read the bundle, and a
 * job may run for weeks. Planning a job resets its bundle's age.
 */
const LIMITS: PruneLimits = {
  name: /^[0-9a-f]{64}\.mjs$/,
  leftBehind: /^[0-9a-f]{64}\.mjs\.[0-9a-f-]+\.new$/,
  mostEntries: 1_000,
  mostAgeMs: 90 * 24 * 3_600_000,
};

/**
 * Bundles a module and keeps the bundle in the user's cache under its digest. A resumed job finds the same
 * bytes there, or is another job.
 *
 * @param path absolute
 * @param where name of the step in errors
 * @throws {STEP_INVALID} when the module does not compile
 * @throws {CACHE_FAILED} when the cache cannot be written
 */
export async function keepBundle(path: string, where: string, signal: AbortSignal): Promise<StepFile> {
  const bytes = await bundleModule(path, where);
  signal.throwIfAborted();
  const digest = sha256(bytes);
  const folder = cacheFolder("modules");
  const kept = join(folder, `${digest}.mjs`);
  const file = { location: parseLocation(kept), bytes: bytes.length, sha256: digest };
  const found = await digestFile(kept, signal).catch(() => null);
  signal.throwIfAborted();
  if (found?.sha256 === digest) {
    const now = new Date();
    await utimes(kept, now, now).catch(() => {});
    return file;
  }
  const temporary = `${kept}.${process.pid}-${randomBytes(4).toString("hex")}.new`;
  try {
    await makeFolders(folder);
    await writeFile(temporary, bytes);
    await rename(temporary, kept);
    // A later call removes the files that cannot be removed now.
    await pruneFolder(folder, LIMITS, Date.now()).catch(() => {});
    return file;
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new ShardmillError("CACHE_FAILED", `the bundle of ${where} cannot be stored: ${messageOf(cause)}`, {
      fields: { path: kept },
      hint: "set SHARDMILL_CACHE to a writable folder",
      cause,
    });
  }
}
