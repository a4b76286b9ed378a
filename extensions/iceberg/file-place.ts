import { below, isLocation, type Location, parseLocation } from "../../shared/domain/location.ts";
import { shown, tableCorrupt } from "./metadata/iceberg-error.ts";

/** Folder of a table, and where it was when it was written. */
export interface TablePlace {
  readonly table: Location;
  /** Location as the table's metadata has it. */
  readonly location: string;
}

/**
 * Returns the location of a file of a table. Its metadata has absolute paths. A table
 * that was copied is read where it is now: a job reads nothing outside its folder.
 *
 * @throws {INPUT_CORRUPT} when the path is not in the table
 */
export function filePlace({ table, location }: TablePlace, path: string): Location {
  const known = normal(path);
  const folder = [normal(location), normal(table)].find((each) => known.startsWith(`${each}/`));
  const name = folder === undefined ? null : known.slice(folder.length + 1);
  if (name !== null && isPlain(name)) return below(table, name);
  throw tableCorrupt({
    path: table,
    where: "metadata",
    expected: `files in the folder of the table (${location})`,
    found: shown(path),
  });
}

/** Writes a path in one of its forms. Hadoop writes `file:/a` for `file:///a`, and `s3a:` for `s3:`. */
function normal(path: string): string {
  const whole = path.endsWith("/") ? path.slice(0, -1) : path;
  const text = whole.replace(/^file:\/(?!\/)/i, "file:///").replace(/^s3[an]:/i, "s3:");
  if (/^file:\/\//i.test(text)) return text.slice("file://".length);
  return isLocation(text) ? parseLocation(text) : text;
}

/** Checks that each name of a path is one: not empty, `.` or `..`, and without a NUL. */
function isPlain(path: string): boolean {
  return (
    !path.includes("\0") && path.split("/").every((name) => name !== "" && name !== "." && name !== "..")
  );
}
