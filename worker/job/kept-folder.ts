import { mkdir, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sha256 } from "../../shared/core/digest.ts";
import { type PruneLimits, pruneFolder } from "../../shared/core/prune-folder.ts";
import { MS_OF } from "../../shared/core/units.ts";
import { cacheFolder } from "../../shared/core/user-folder.ts";
import { longestWaitMs } from "../../shared/domain/waiting-steps.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";

/** Limits of the folders of all jobs. Their data is needed until the job is published. */
const LIMITS: PruneLimits = {
  name: /^[0-9a-f]{32}$/,
  leftBehind: /(?!)/,
  mostEntries: 1_000,
  mostAgeMs: 30 * MS_OF.d,
};

/**
 * Returns the folder in this machine's cache for a job's steps. Makes it if one of them waits for a server. A
 * job that is resumed under another id has the same one, as its partials have the same place. Removes the
 * folders of old jobs.
 */
export async function keptFolder({ partialsPath, map }: JobDescription): Promise<string> {
  const path = join(cacheFolder("steps"), sha256(partialsPath).slice(0, 32));
  if (longestWaitMs(map) === null) return path;
  await mkdir(path, { recursive: true, mode: 0o700 });
  const now = Date.now();
  await utimes(path, now / 1_000, now / 1_000);
  await pruneFolder(dirname(path), LIMITS, now).catch(() => {});
  return path;
}
