import { ownMapping } from "../core/mapping.ts";
import { buildVersion } from "../core/package-root.ts";
import type { ProtocolRange, Versions } from "../domain/versions.ts";

/**
 * The versions of the protocol between workers and coordinators that this version speaks. The newest is
 * raised when the other side must know: for a message that the version before would misunderstand, and for a
 * job description or a lease with something in it that its workers cannot do (a step, an op, a format).
 * Fields and calls that the version before may overlook need no new one. How long an old version is spoken:
 * docs/compatibility.md.
 *
 * 4: the first in which a worker says its range and its mapping.
 */
export const PROTOCOL: ProtocolRange = { oldest: 4, newest: 4 };

/** Returns whether there is a version that both speak. */
export function protocolsMeet(a: ProtocolRange, b: ProtocolRange): boolean {
  return Math.min(a.newest, b.newest) >= Math.max(a.oldest, b.oldest);
}

/** `4`, `4 to 6`. */
export function protocolText({ oldest, newest }: ProtocolRange): string {
  return oldest === newest ? `${newest}` : `${oldest} to ${newest}`;
}

/** What this version says of itself to others. */
export function ownVersions(): Versions {
  return { protocol: PROTOCOL, build: buildVersion, mapping: ownMapping() };
}
