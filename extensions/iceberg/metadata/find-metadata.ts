import { ShardmillError } from "../../../shared/core/errors.ts";
import { below, type Location } from "../../../shared/domain/location.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { optionsInvalid } from "../../lake/table-error.ts";

/** Folder of a table with its metadata. */
const METADATA = "metadata";

/** Names of tables without a catalog: `v3.metadata.json`. */
const NUMBERED = /^v(\d{1,15})(?:\.gz)?\.metadata\.json(?:\.gz)?$/;

/** Names of tables with a catalog: `00003-<UUID>.metadata.json`. */
const BY_ID = /^(\d{1,15})-[0-9A-Za-z-]+(?:\.gz)?\.metadata\.json(?:\.gz)?$/;

interface Numbered {
  readonly name: string;
  readonly number: number;
}

/**
 * Returns the file with the newest metadata of a table. Null: the folder is no Iceberg table.
 *
 * @param requested name of the file that the job sets. Undefined: it sets none
 * @throws {INPUT_NOT_FOUND} when the requested file is missing
 * @throws {SPEC_INVALID} when several are the newest
 */
export async function findMetadata(
  table: Location,
  { storage, requested }: { readonly storage: Pick<Storage, "list">; readonly requested: string | undefined },
  signal: AbortSignal,
): Promise<Location | null> {
  const folder = below(table, METADATA);
  const names: string[] = [];
  for await (const page of storage.list(below(folder), { signal }))
    for (const { name } of page) names.push(name);
  if (requested !== undefined) {
    if (names.includes(requested)) return below(folder, requested);
    throw missing(below(folder, requested));
  }
  // Both kinds of names are there when a table without a catalog was registered in one.
  const files = [...numbered(names, BY_ID), ...numbered(names, NUMBERED)];
  const newest = files.reduce((most, { number }) => Math.max(most, number), -1);
  const [found, other] = files
    .filter(({ number }) => number === newest)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (found === undefined) return null;
  if (other === undefined) return below(folder, found.name);
  throw optionsInvalid({
    where: "input.iceberg",
    what: `lacks the file of metadata, because ${folder} has several with number ${newest}`,
    found: `${found.name}, ${other.name}`,
    hint: "ask the catalog of the table which one is current, and set input.iceberg.metadata to its name",
  });
}

function missing(path: Location): ShardmillError {
  const what = "a file with metadata of an Iceberg table";
  const hint = "old files of metadata are removed: check input.iceberg.metadata, or leave it out";
  const problem = { where: path, what: "is missing", expected: what, found: "nothing", hint };
  return new ShardmillError("INPUT_NOT_FOUND", `${path} is missing`, {
    fields: { path },
    problems: [problem],
    hint,
  });
}

function numbered(names: readonly string[], form: RegExp): Numbered[] {
  return names.flatMap((name) => {
    const number = form.exec(name)?.[1];
    return number === undefined ? [] : [{ name, number: Number(number) }];
  });
}
