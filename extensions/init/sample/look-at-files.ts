import { FEATURES } from "../../../shared/domain/features.ts";
import { fileInCell } from "../../../shared/domain/file-cells.ts";
import { isLocation, type Location } from "../../../shared/domain/location.ts";
import type { SeenFiles } from "../../../shared/extension/feature-draft.ts";
import type { Storages } from "../../../shared/storage/open-storage.ts";
import { readRowFile } from "../../../shared/storage/row-file.ts";

/** Limit of an opened file: ten minutes of CD sound. A larger file is judged by its name. */
const MAX_FILE_BYTES = 128 * 1024 * 1024;

/** Limit of a path. Longer texts are not paths. */
const MAX_NAME_CHARS = 4096;

const WEB = /^https?:/i;

/** File that one cell holds or names. */
interface SeenFile {
  /** Name of the feature's files, such as `sounds`. */
  readonly what: string;
  readonly opened: boolean;
  readonly folder: Location | null;
  readonly rate: number | null;
}

interface LookOptions {
  readonly storages: Storages;
  /** Folders that relative paths may start from, the most likely first. */
  readonly folders: readonly Location[];
  readonly signal: AbortSignal;
}

/** Finds the kind of files that most cells of a column hold or name. Null: no feature's files. */
export async function lookAtFiles(
  cells: readonly unknown[],
  options: LookOptions,
): Promise<SeenFiles | null> {
  const seen: SeenFile[] = [];
  for (const cell of cells) {
    const held = fileInCell(cell);
    const file = held instanceof Uint8Array ? await seenIn(held) : await seenBehind(held, options);
    if (file !== null) seen.push(file);
  }
  const alike = mostly(seen, ({ what }) => what);
  if (alike === null || alike.members.length * 2 <= cells.length) return null;
  const { key: what, members } = alike;
  const rates = members.flatMap(({ rate }) => rate ?? []);
  const count = (rate: number) => rates.filter((other) => other === rate).length;
  return {
    what,
    opened: members.some(({ opened }) => opened),
    folder: members.find(({ folder }) => folder !== null)?.folder ?? null,
    rates: [...new Set(rates)].toSorted((a, b) => count(b) - count(a) || a - b),
  };
}

async function seenIn(bytes: Uint8Array): Promise<SeenFile | null> {
  for (const { files: what, draft } of FEATURES) {
    const looked = (await draft?.look(bytes)) ?? null;
    if (looked !== null) return { what, opened: true, folder: null, rate: looked.rate };
  }
  return null;
}

/**
 * Inspects the file that a cell names. The name must have an extension of a feature. Web addresses are not
 * opened.
 */
async function seenBehind(cell: string | null, options: LookOptions): Promise<SeenFile | null> {
  if (cell === null || cell.length > MAX_NAME_CHARS) return null;
  const isWeb = WEB.test(cell);
  const name = isWeb ? cell.replace(/[?#].*$/s, "") : cell;
  const what = FEATURES.find(({ draft }) => draft?.name.test(name))?.files;
  if (what === undefined) return null;
  const unopened = { what, opened: false, folder: null, rate: null } as const;
  return isWeb ? unopened : ((await openedFile(cell, options)) ?? unopened);
}

async function openedFile(
  name: string,
  { storages, folders, signal }: LookOptions,
): Promise<SeenFile | null> {
  for (const folder of folders) {
    const read = { folder, maxBytes: MAX_FILE_BYTES, signal };
    const file = await readRowFile(storages, name, read).catch(() => null);
    if (file?.kind !== "bytes") continue;
    const seen = await seenIn(file.bytes);
    return seen === null ? null : { ...seen, folder: isLocation(name) ? null : folder };
  }
  return null;
}

function mostly<T, K>(
  items: readonly T[],
  keyOf: (item: T) => K,
): { readonly key: K; readonly members: readonly T[] } | null {
  const groups = [...new Set(items.map(keyOf))].map((key) => ({
    key,
    members: items.filter((item) => keyOf(item) === key),
  }));
  const [first] = groups.toSorted((a, b) => b.members.length - a.members.length);
  return first ?? null;
}
