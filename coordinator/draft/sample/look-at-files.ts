import { FEATURES } from "../../../shared/domain/features.ts";
import { isLocation, type Location } from "../../../shared/domain/location.ts";
import type { Storages } from "../../../shared/storage/open-storage.ts";
import { readRowFile } from "../../../shared/storage/row-file.ts";
import { IMAGE_NAME, SOUND_NAME } from "../../plan/input/row-files-hint.ts";
import type { FileKind, SeenFiles } from "./data-sample.ts";

/** Ten minutes of CD sound. A larger file is known by its name alone. */
const MAX_FILE_BYTES = 128 * 1024 * 1024;

/** A longer text is no path. */
const MAX_NAME_CHARS = 4096;

const WEB = /^https?:/i;

/** How image files begin, each byte as a letter; `?` is any. */
const IMAGE_MARKS: readonly string[] = [
  "\xff\xd8\xff",
  "\x89PNG",
  "GIF8",
  "RIFF????WEBP",
  "II*\0",
  "MM\0*",
  "????ftypavi",
];

/** What one cell was seen to hold or to name. */
interface SeenFile {
  readonly what: FileKind;
  readonly opened: boolean;
  readonly folder: Location | null;
  readonly rate: number | null;
}

interface LookOptions {
  readonly storages: Storages;
  /** Where relative paths may start from, the likeliest first. */
  readonly folders: readonly Location[];
  readonly signal: AbortSignal;
}

/** What most of some cells of one column hold or name; null where that is neither sounds nor images. */
export async function lookAtFiles(
  cells: readonly unknown[],
  options: LookOptions,
): Promise<SeenFiles | null> {
  const seen: SeenFile[] = [];
  for (const cell of cells) {
    const file = cell instanceof Uint8Array ? await seenIn(cell) : await seenBehind(cell, options);
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
  if (IMAGE_MARKS.some((mark) => begins(bytes, mark)))
    return { what: "images", opened: true, folder: null, rate: null };
  const rate = await rateOf(bytes);
  return rate === null ? null : { what: "sounds", opened: true, folder: null, rate };
}

/** Only names that a file of these kinds would have are followed, and none into the web. */
async function seenBehind(cell: unknown, options: LookOptions): Promise<SeenFile | null> {
  if (typeof cell !== "string" || cell.length > MAX_NAME_CHARS) return null;
  const isWeb = WEB.test(cell);
  const name = isWeb ? cell.replace(/[?#].*$/s, "") : cell;
  const what = SOUND_NAME.test(name) ? "sounds" : IMAGE_NAME.test(name) ? "images" : null;
  if (what === null) return null;
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

/** Null: it is no sound. */
async function rateOf(bytes: Uint8Array): Promise<number | null> {
  for (const feature of FEATURES) {
    const rate = (await feature.readRate?.(bytes)) ?? null;
    if (rate !== null) return rate;
  }
  return null;
}

function begins(bytes: Uint8Array, mark: string): boolean {
  return [...mark].every((letter, at) => letter === "?" || bytes[at] === letter.charCodeAt(0));
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
