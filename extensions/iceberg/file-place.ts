import { below, type Location } from "../../shared/domain/location.ts";
import { shown } from "../lake/table-error.ts";
import { isPlainPath, nameIn } from "../lake/table-path.ts";
import { tableCorrupt } from "./metadata/iceberg-error.ts";

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
  const name = nameIn(location, path) ?? nameIn(table, path);
  if (name !== null && isPlainPath(name)) return below(table, name);
  throw tableCorrupt({
    path: table,
    where: "metadata",
    expected: `files in the folder of the table (${location})`,
    found: shown(path),
  });
}
