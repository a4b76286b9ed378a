import { below, isLocation, type Location, parseLocation } from "../../../shared/domain/location.ts";
import { logCorrupt, shown } from "./log-error.ts";

/**
 * Returns the location of a data file. The log has a path that is relative to the table, or absolute.
 *
 * @throws {INPUT_CORRUPT} when the path leads out of the table, or is none
 */
export function dataPath(table: Location, path: string): Location {
  const refuse = (found: string, cause?: unknown) =>
    logCorrupt({
      path: table,
      where: "log",
      expected: "data files in the folder of the table",
      found: `${found}: ${shown(path)}`,
      cause,
    });
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch (error) {
    throw refuse("a path whose percent-encoding is broken", error);
  }
  const inTable = relativeTo(table, decoded);
  if (inTable === null) throw refuse("a file elsewhere");
  if (!isPlain(inTable)) throw refuse("a path that leads elsewhere");
  return below(table, inTable);
}

/** Returns a path relative to the table. Null: it is absolute, and not in the table. */
function relativeTo(table: Location, path: string): string | null {
  const isAbsolute = path.startsWith("/") || /^[A-Za-z][A-Za-z0-9+.-]*:/.test(path);
  if (!isAbsolute) return path;
  // Hadoop writes `file:/a` for `file:///a`.
  const uri = path.replace(/^file:\/(?!\/)/i, "file:///");
  const text = uri.replace(/^s3a:/i, "s3:");
  const location = /^file:/i.test(text)
    ? text.slice("file://".length)
    : isLocation(text)
      ? parseLocation(text)
      : null;
  const folder = below(table, "");
  return location?.startsWith(folder) === true ? location.slice(folder.length) : null;
}

/** Checks that each name of a path is one: not empty, `.` or `..`, and without a NUL. */
function isPlain(path: string): boolean {
  return (
    !path.includes("\0") && path.split("/").every((name) => name !== "" && name !== "." && name !== "..")
  );
}
