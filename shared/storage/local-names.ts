import { lstat, readdir } from "node:fs/promises";
import type { Disk, DiskEntry } from "../core/disk.ts";
import type { Entry } from "./storage.ts";

/** Replacement for bytes that are not UTF-8. A valid name may also contain it. */
const NO_CHARACTER = "\uFFFD";

/** Lists the names in a local folder. Node returns names as UTF-8. Other names cannot be opened. */
export async function listLocal(path: string, disk: Pick<Disk, "entries">): Promise<readonly Entry[]> {
  const entries = await disk.entries(path);
  const odd = entries.filter(({ name }) => name.includes(NO_CHARACTER));
  const unnameable = odd.length === 0 ? new Map<string, string>() : await findUnnameable(path, odd);
  return entries.map(({ name, kind }) => ({
    name,
    kind,
    stat: null,
    unnameable: unnameableOf(unnameable.get(name)),
  }));
}

function unnameableOf(shown: string | undefined): Entry["unnameable"] {
  return shown === undefined ? null : { shown, why: "its name is not UTF-8" };
}

/** Finds names that match no file, and returns how to show them. */
async function findUnnameable(path: string, odd: readonly DiskEntry[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const asBytes = await readdir(path, { encoding: "buffer" });
  for (const { name } of odd) {
    const isThere = await lstat(`${path}/${name}`).then(
      () => true,
      () => false,
    );
    const bytes = isThere ? undefined : asBytes.find((each) => each.toString("utf8") === name);
    if (!isThere) found.set(name, bytes === undefined ? name : shown(bytes));
  }
  return found;
}

/** Shows bytes beyond ASCII as `\xfc`. */
function shown(name: Buffer): string {
  return name
    .toString("latin1")
    .replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
