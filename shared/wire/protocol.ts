import { ownMapping } from "../core/mapping.ts";
import { buildVersion } from "../core/package-root.ts";
import type { ProtocolRange, Versions } from "../domain/versions.ts";

/**
 * Protocol versions that this build supports between workers and coordinators. Raise `newest` for a message
 * that peers of the previous version would misunderstand. Raise it, too, if a job description or a lease has
 * a step, op or format that their workers lack. Fields and calls that older peers can ignore need no new
 * version. See docs/compatibility.md for how long old versions are supported.
 *
 * Version 4 is the first in which workers send their range and their mapping.
 */
export const PROTOCOL: ProtocolRange = { oldest: 4, newest: 4 };

/** Checks whether two ranges share a version. */
export function protocolsMeet(a: ProtocolRange, b: ProtocolRange): boolean {
  return Math.min(a.newest, b.newest) >= Math.max(a.oldest, b.oldest);
}

/** Formats a range: `4`, `4 to 6`. */
export function protocolText({ oldest, newest }: ProtocolRange): string {
  return oldest === newest ? `${newest}` : `${oldest} to ${newest}`;
}

/** Returns the versions of this process. */
export function ownVersions(): Versions {
  return { protocol: PROTOCOL, build: buildVersion, mapping: ownMapping() };
}
