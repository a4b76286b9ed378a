import { below, type Location } from "../../../shared/domain/location.ts";
import { shown } from "../../lake/table-error.ts";
import { isPlainPath, nameIn } from "../../lake/table-path.ts";
import { logCorrupt } from "./log-error.ts";

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
  if (!isPlainPath(inTable)) throw refuse("a path that leads elsewhere");
  return below(table, inTable);
}

/** Returns a path relative to the table. Null: it is absolute, and not in the table. */
function relativeTo(table: Location, path: string): string | null {
  const isAbsolute = path.startsWith("/") || /^[A-Za-z][A-Za-z0-9+.-]*:/.test(path);
  return isAbsolute ? nameIn(table, path) : path;
}
