import { type ErrorData, errorToData } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { type CheckPlace, type CheckTools, checkPartial, makeDurable } from "./check-partial.ts";

/** Result of a check. Null: the partial is whole and durable. Plain data, as it crosses threads. */
export type CheckFinding = ErrorData | null;

/** Checker of several partials at a time: a thread of its own, or the simulator. */
export interface PartialsChecker extends AsyncDisposable {
  /**
   * Checks partials and returns one finding for each, in order. One call at a time.
   *
   * Rejects when the checker itself failed, on one of these partials or for another reason. It is then
   * unusable.
   */
  check(partials: readonly PartialManifest[]): Promise<readonly CheckFinding[]>;
}

/** Opens a checker for the partials of a job. */
export type OpenChecker = (place: CheckPlace) => PartialsChecker;

/**
 * Checks at once for stores, where they wait for replies. On a disk, calls block, so one at a time is as
 * fast.
 */
const CHECKS_AT_ONCE = 16;

/**
 * Checks partials in this thread: one at a time, or several at once off this machine. One sync makes their
 * names in the partials folder durable.
 */
export async function checkPartials(
  partials: readonly PartialManifest[],
  place: CheckPlace,
  tools: CheckTools,
): Promise<readonly CheckFinding[]> {
  const atOnce = isOnThisMachine(place.partials) ? 1 : CHECKS_AT_ONCE;
  const findings = await mapConcurrent(partials, atOnce, (partial) =>
    findingOf(checkPartial(partial, place, tools)),
  );
  if (!findings.includes(null)) return findings;
  // The sync starts after all checks found their partial, so it covers all names.
  const synced = tools.storage.sync(place.partials);
  synced.catch(() => {});
  return Promise.all(
    partials.map((partial, index) => {
      const finding = findings[index] ?? null;
      return finding ?? findingOf(makeDurable(partial, place.partials, { sync: () => synced }));
    }),
  );
}

/** Returns a checker that works in the caller's own thread. */
export function checkHere(place: CheckPlace, tools: CheckTools): PartialsChecker {
  return {
    check: (partials) => checkPartials(partials, place, tools),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function findingOf(check: Promise<void>): Promise<CheckFinding> {
  try {
    await check;
    return null;
  } catch (error) {
    return errorToData(error);
  }
}
