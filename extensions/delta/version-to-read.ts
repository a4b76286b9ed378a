import { below, type Location } from "../../shared/domain/location.ts";
import { optionsInvalid } from "../lake/table-error.ts";
import { logCorrupt } from "./log/log-error.ts";
import type { LogFiles } from "./log/log-files.ts";
import type { LogStorage } from "./log/read-log.ts";
import type { DeltaSpec } from "./spec.ts";

interface Requested {
  readonly log: Location;
  readonly files: LogFiles;
  readonly spec: DeltaSpec;
  readonly storage: LogStorage;
}

/**
 * Returns the version that a job reads: the requested one, or the newest.
 *
 * @throws {SPEC_INVALID} when the table has no such version
 */
export async function versionToRead(requested: Requested, signal: AbortSignal): Promise<number> {
  const { log, files, spec } = requested;
  const { version, asOf } = spec;
  const { newest } = files;
  if (newest === null)
    throw logCorrupt({ path: log, where: "log", expected: "a commit", found: "no file of a commit" });
  if (version !== undefined && asOf !== undefined)
    throw optionsInvalid({
      where: "input.delta",
      what: "has both a version and a time",
      hint: "remove one of them",
    });
  if (asOf !== undefined) return await versionAt(asOf, requested, signal);
  if (version === undefined || version <= newest) return version ?? newest;
  throw optionsInvalid({
    where: "input.delta.version",
    what: `is newer than the table (${log})`,
    expected: `at most ${newest}`,
    found: String(version),
  });
}

/** Times are those of the commits' files. No commit is earlier than the previous one. */
async function versionAt(
  asOf: string,
  { log, files, storage }: Requested,
  signal: AbortSignal,
): Promise<number> {
  const until = Date.parse(asOf);
  let found: number | null = null;
  for (const [version, name] of files.commits) {
    const { modified } = await storage.stat(below(log, name), signal);
    if (modified === undefined || modified === null)
      throw optionsInvalid({
        where: "input.delta.asOf",
        what: "needs times, which the storage does not have",
        hint: "set version",
      });
    if (modified > until) break;
    found = version;
  }
  if (found !== null && Number.isFinite(until)) return found;
  const what = `is no time since the first commit that is left (${log})`;
  throw optionsInvalid({
    where: "input.delta.asOf",
    what,
    found: asOf,
    hint: "set a later time, or version",
  });
}
